import { createHash } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { disk, isErrno, readText } from '../../core/disk.ts'
import type { Folders } from './folders.ts'
import type { Identity } from './identity.ts'
import { META } from './key.ts'

/** Below this a CRC is computed as fast as it is looked up. */
const CACHED_FROM_BYTES = 2 ** 20

/** What a store knows of an object beside its bytes. */
export interface Sidecar {
  readonly key: string
  readonly bytes: number
  readonly crc32c: string
  readonly metadata: Readonly<Record<string, string>>
}

/**
 * What `head` gives beyond a plain file, in a file of its own for each state of each object: `.millrace-meta/<xx>/<hash of the key>.<version>.json`. It is written before the rename
 * or link that makes the state visible, under a name that only this state has, so at no instant is an object described by another one's sidecar. A file without one is a whole object: its CRC is
 * computed, its metadata are empty. One with metadata is durable before its object is visible; one without is only a cache of the CRC.
 */
export async function writeSidecar(folders: Folders, sidecar: Sidecar, identity: Identity): Promise<void> {
  const durable = Object.keys(sidecar.metadata).length > 0
  if (!durable && sidecar.bytes < CACHED_FROM_BYTES) return
  const path = sidecarPath(folders.root, sidecar.key, identity)
  await folders.ensure(dirname(path))
  await disk.write(path, JSON.stringify(sidecar))
  if (!durable) return
  await disk.syncFile(path)
  await disk.syncFolder(dirname(path))
}

/** The sidecar of a state; one that a power cut left torn counts as none. */
export async function readSidecar(root: string, key: string, identity: Identity): Promise<Sidecar | undefined> {
  return parse(await readText(sidecarPath(root, key, identity)))
}

/** Metadata of an object whose file was copied or restored, so that its inode or time is another: what a sidecar of its key says of the same size and CRC. */
export async function findMetadata(root: string, key: string, bytes: number, crc32c: string): Promise<Readonly<Record<string, string>>> {
  for (const path of await sidecarsOf(root, key)) {
    const sidecar = parse(await readText(path))
    if (sidecar?.bytes === bytes && sidecar.crc32c === crc32c) return sidecar.metadata
  }
  return {}
}

/** Removes a key's sidecars but that of the state `kept`. Under the key's lock. What it cannot remove does no harm. */
export async function removeSidecars(root: string, key: string, kept: Identity | undefined): Promise<void> {
  const keep = kept && sidecarPath(root, key, kept)
  for (const path of await sidecarsOf(root, key)) if (path !== keep) await disk.unlink(path).catch(() => undefined)
}

async function sidecarsOf(root: string, key: string): Promise<string[]> {
  const { folder, name } = place(root, key)
  try {
    return (await readdir(folder)).filter((file) => file.startsWith(`${name}.`)).map((file) => join(folder, file))
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return []
    throw error
  }
}

function sidecarPath(root: string, key: string, { version }: Identity): string {
  const { folder, name } = place(root, key)
  return join(folder, `${name}.${version}.json`)
}

function place(root: string, key: string): { folder: string; name: string } {
  const name = createHash('sha256').update(key).digest('hex').slice(0, 40)
  return { folder: join(root, META, name.slice(0, 2)), name }
}

function parse(text: string | undefined): Sidecar | undefined {
  if (text === undefined) return undefined
  try {
    const value: Partial<Record<keyof Sidecar, unknown>> = JSON.parse(text)
    const { key, bytes, crc32c, metadata } = value
    // By hand: `plan` comes by here, and zod takes a quarter of its time to load.
    const whole =
      typeof key === 'string' &&
      typeof bytes === 'number' &&
      typeof crc32c === 'string' &&
      /^[0-9a-f]{8}$/.test(crc32c) &&
      isTexts(metadata)
    return whole ? { key, bytes, crc32c, metadata } : undefined
  } catch {
    return undefined
  }
}

function isTexts(value: unknown): value is Readonly<Record<string, string>> {
  return typeof value === 'object' && value !== null && Object.values(value).every((each) => typeof each === 'string')
}
