import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { messageOf } from '../core/errors.ts'
import { quoteLiteral } from '../core/quote.ts'
import { type ExtensionWheel, extensionWheel } from './extension-wheels.ts'
import { duckdbPlatform, type ExtensionName, extensionPath } from './extensions.ts'
import { zipEntry } from './zip-entry.ts'

/** What became of an extension at set-up. */
export type Installation =
  | { readonly name: ExtensionName; readonly state: 'present' | 'installed'; readonly file: string; readonly from?: 'duckdb' | 'wheel' }
  /** `reasons`: one for each way that was tried. */
  | { readonly name: ExtensionName; readonly state: 'missing'; readonly reasons: readonly string[] }

export interface InstallOptions {
  /** For all ways together. */
  readonly timeoutMs: number
  /** A mirror of DuckDB's extension repository, a URL or a folder. Default: DuckDB's own. */
  readonly repository?: string
  /** Also loads what is there already, and replaces it when DuckDB refuses it. */
  readonly verify: boolean
  readonly signal?: AbortSignal
  /** Where programs are looked for, and what they get. Default: the process's. */
  readonly environment?: NodeJS.ProcessEnv
  /** DuckDB's name of the platform. Default: this one's. */
  readonly platform?: string
}

/**
 * Puts an extension where `extensionsIn(folder)` finds it: DuckDB's own `INSTALL`, else the wheel that carries the same file, by pip or uv, against its pinned checksum. Either way DuckDB has checked the
 * signature and loaded it once, in a process of its own; what it refuses is not left there. Never throws for want of a network, of pip, or of a folder that can be written.
 */
export async function installExtension(folder: string, name: ExtensionName, options: InstallOptions): Promise<Installation> {
  const file = extensionPath(folder, name)
  const until = Date.now() + options.timeoutMs
  const call: Call = (program, args) => run(program, args, until - Date.now(), options)
  // A network that swallows packets must not take the other way's time too.
  const soon: Call = (program, args) => run(program, args, Math.min(until - Date.now(), options.timeoutMs / 3), options)
  const reasons: string[] = []
  if (existsSync(file)) {
    const fault = options.verify ? await extensionFault(file, call) : undefined
    if (fault === undefined) return { name, state: 'present', file }
    reasons.push(`what was there was refused: ${fault}`)
  }
  const install = async (from: string, within = call) => {
    const fault = await duckdb(within, folder, `FORCE INSTALL ${from}`, `LOAD ${quoteLiteral(file)}`)
    // Another set-up at the same time may have put it there: only what is refused is removed.
    if (fault !== undefined && existsSync(file) && (await extensionFault(file, call)) !== undefined) await removeExtension(file)
    return fault
  }
  try {
    await removeExtension(file)
    await mkdir(folder, { recursive: true })
  } catch (error) {
    return { name, state: 'missing', reasons: [...reasons, messageOf(error)] }
  }
  for (const [from, way] of [
    ['duckdb', () => install(options.repository === undefined ? name : `${name} FROM ${quoteLiteral(options.repository)}`, soon)],
    ['wheel', () => fromWheel(extensionWheel(name, options.platform), options.platform ?? duckdbPlatform(), call, install)],
  ] as const) {
    options.signal?.throwIfAborted()
    const fault = await way().catch(messageOf)
    if (fault === undefined) return { name, state: 'installed', file, from }
    reasons.push(fault)
  }
  options.signal?.throwIfAborted()
  return existsSync(file) ? { name, state: 'present', file } : { name, state: 'missing', reasons }
}

/** Why DuckDB does not load an extension's file, in a process of its own; undefined when it does. */
export async function extensionFault(
  file: string,
  call: Call = (program, args) => run(program, args, 30_000),
): Promise<string | undefined> {
  return duckdb(call, dirname(file), `LOAD ${quoteLiteral(file)}`)
}

type Call = (program: string, args: readonly string[]) => Promise<Ended>

async function removeExtension(file: string): Promise<void> {
  for (const each of [file, `${file}.info`]) await rm(each, { force: true })
}

async function duckdb(call: Call, folder: string, ...statements: readonly string[]): Promise<string | undefined> {
  const child = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? './extension-child.ts' : './extension-child.js', import.meta.url))
  const ended = await call(process.execPath, [child, folder, ...statements])
  return ended.fault && `DuckDB: ${brief(ended.fault)}`
}

/** Tries each downloader that the machine may have; gives why none did it. */
async function fromWheel(
  wheel: ExtensionWheel | undefined,
  platform: string,
  call: Call,
  install: (from: string) => Promise<string | undefined>,
): Promise<string | undefined> {
  if (wheel === undefined) return `no checksum is pinned of a wheel for ${platform}`
  const folder = await mkdtemp(join(tmpdir(), 'millrace-setup-'))
  try {
    const faults: string[] = []
    for (const [program, ...before] of [
      ['python3', '-m', 'pip'],
      ['uvx', 'pip'],
    ] as const) {
      const { fault, absent, late } = await call(program, [...before, ...download(folder, wheel)])
      if (fault === undefined) return await installWheel(folder, wheel, install)
      if (!absent) faults.push(`${[program, ...before].join(' ')}: ${brief(fault)}`)
      if (late) break
    }
    return faults.join('; ') || 'there is no pip or uv here'
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function download(folder: string, { requirement }: ExtensionWheel): string[] {
  const quick = ['--quiet', '--disable-pip-version-check', '--no-input', '--retries', '1', '--timeout', '15']
  return ['download', ...quick, '--no-deps', '--only-binary=:all:', '--dest', folder, requirement]
}

/** The bytes that were checked are the bytes that are unpacked. */
async function installWheel(folder: string, wheel: ExtensionWheel, install: (from: string) => Promise<string | undefined>) {
  const [found, ...others] = (await readdir(folder)).filter((name) => name.endsWith('.whl'))
  if (found === undefined || others.length > 0) return `pip has left ${found === undefined ? 'no wheel' : 'several wheels'}`
  const bytes = await readFile(join(folder, found))
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  if (found !== wheel.file || sha256 !== wheel.sha256)
    return `the wheel ${found} was refused: its sha256 is ${sha256}, expected ${wheel.sha256} of ${wheel.file}`
  const extension = zipEntry(bytes, '.duckdb_extension')
  if (extension === undefined) return `the wheel ${found} has no extension in it`
  const file = join(folder, wheel.file.replace(/^duckdb_extension_(.*?)-.*$/, '$1.duckdb_extension'))
  await writeFile(file, extension)
  return install(quoteLiteral(file))
}

interface Ended {
  /** What the program said last when it failed; undefined: it did its work. */
  readonly fault?: string
  /** There is no such program. */
  readonly absent?: true
  /** It was killed at the end of its time. */
  readonly late?: true
}

/** Runs a program to its end, or to the end of its time: then it is killed with all that it started. */
function run(
  program: string,
  args: readonly string[],
  timeoutMs: number,
  { environment, signal }: Pick<InstallOptions, 'environment' | 'signal'> = {},
): Promise<Ended> {
  return new Promise((resolve) => {
    if (timeoutMs <= 0 || signal?.aborted) return resolve({ fault: 'no time was left for it' })
    const child = spawn(program, args, { env: environment ?? process.env, detached: true, stdio: ['ignore', 'ignore', 'pipe'] })
    let said = ''
    let late: true | undefined
    const kill = () => {
      late = true
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
    }
    const timer = setTimeout(kill, timeoutMs)
    signal?.addEventListener('abort', kill, { once: true })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-20_000)
    })
    const end = (ended: Ended) => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', kill)
      resolve(ended)
    }
    child.on('error', (error) => end({ fault: error.message, ...('code' in error && error.code === 'ENOENT' && { absent: true }) }))
    child.on('close', (code) => {
      if (code === 0) end({})
      else if (late) end({ fault: `no end after ${Math.round(timeoutMs / 1000)} s`, late })
      else end({ fault: said.trim() || `it ended with ${code}` })
    })
  })
}

/** What matters of a program's many lines, as one. */
function brief(said: string): string {
  if (/signature/.test(said)) return "the file's signature is missing or is not DuckDB's"
  const [, inner] = /\(ERROR (.*?)\)/.exec(said) ?? []
  const lines = said.split('\n').filter((line) => line.trim() !== '')
  const line = lines.findLast((each) => /^ERROR/.test(each)) ?? (/^\w+ Error:|^\w+ Exception:/.test(said) ? lines[0] : lines.at(-1)) ?? said
  return (inner === undefined ? line.replace(/^ERROR:\s*|^\w+ Error: /, '') : `its server does not answer (${inner})`).trim().slice(0, 300)
}
