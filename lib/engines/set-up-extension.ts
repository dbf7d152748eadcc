import { existsSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readText } from '../core/disk.ts'
import { duckdbVersion, type ExtensionName, extensionPath } from './extensions.ts'
import { type Installation, type InstallOptions, installExtension } from './install-extension.ts'

/** How long a failure is remembered. */
const FORGET_MS = 3_600_000

export interface SetUpOptions extends Pick<InstallOptions, 'signal' | 'environment' | 'platform' | 'repository'> {
  /** Only looks whether the file is there, takes a minute at most, and tries nothing again within an hour of a failure. */
  readonly quick: boolean
  readonly now?: Date
}

/** Installs an extension unless it is in place, and remembers a failure beside it. */
export async function setUpExtension(folder: string, name: ExtensionName, options: SetUpOptions): Promise<Installation> {
  const { quick, now = new Date(), ...rest } = options
  const memory = join(folder, `${name}.missing.json`)
  const remembered = quick && !existsSync(extensionPath(folder, name)) ? await rememberedFailure(memory, name, now) : undefined
  if (remembered) return remembered
  const found = await installExtension(folder, name, { ...rest, verify: !quick, timeoutMs: quick ? 60_000 : 600_000 })
  if (found.state === 'missing') await remember(memory, { at: now.toISOString(), version: duckdbVersion(), reasons: found.reasons })
  else if (!quick || found.state === 'installed') await rm(memory, { force: true })
  return found
}

interface Failure {
  /** ISO 8601, UTC. */
  readonly at: string
  /** DuckDB's. */
  readonly version: string
  readonly reasons: readonly string[]
}

async function rememberedFailure(memory: string, name: ExtensionName, now: Date): Promise<Installation | undefined> {
  try {
    const failure = JSON.parse((await readText(memory)) ?? '{}') as Partial<Failure>
    const age = now.getTime() - Date.parse(failure.at ?? '')
    if (failure.version === duckdbVersion() && failure.reasons && age >= 0 && age < FORGET_MS)
      return { name, state: 'missing', reasons: failure.reasons }
  } catch {
    // What cannot be read is not remembered.
  }
  return undefined
}

async function remember(memory: string, failure: Failure): Promise<void> {
  try {
    await mkdir(join(memory, '..'), { recursive: true })
    await writeFile(memory, `${JSON.stringify(failure, null, 2)}\n`)
  } catch {
    // A folder that cannot be written is the failure itself: it has been said.
  }
}
