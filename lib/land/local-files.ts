import { createHash, randomUUID } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import type { Store } from '../connectors/store.ts'
import { checksums, type Fingerprint } from '../core/checksums.ts'
import type { RunContext } from '../core/context.ts'
import { disk, exists } from '../core/disk.ts'
import { refusedByDisk } from '../core/disk-refusal.ts'
import { CheckError, ConfigError, NotFound } from '../core/errors.ts'
import { sideBySide } from '../core/side-by-side.ts'
import type { LandedFile, LoadManifest } from '../state/manifest.ts'
import type { FileCache } from './file-cache.ts'
import { fingerprintOfStream } from './fingerprint.ts'

/** What is landed under names in the store: a load, or loads compacted. */
export type Landing = Pick<LoadManifest, 'pipeline' | 'dataset' | 'partition' | 'files' | 'undecoded' | 'tombstones'> & {
  readonly run: Pick<LoadManifest['run'], 'id'>
}

const caches = new WeakMap<Store, FileCache>()

/** Lets a store that is not on this machine's disk keep its landed files here. */
export function keepFilesOf(store: Store, cache: FileCache): void {
  caches.set(store, cache)
}

/** Keeps a file that has just landed, for whoever reads it next on this machine. */
export async function keepLanded(store: Store, file: LandedFile, path: string): Promise<void> {
  await caches.get(store)?.keep(file, path)
}

/**
 * Local paths of landed files, for engines: those of a local store after a look at presence and size, those of another store under names in the workspace, from the cache or fetched, compared byte for byte.
 * @throws CheckError naming the file that is missing or is not what the manifest says, ConfigError for a load that is not Parquet
 */
export async function localFiles(store: Store, load: Landing, files: readonly LandedFile[], ctx: RunContext): Promise<string[]> {
  if (load.undecoded) throw undecodedError(load, load.undecoded.format)
  return sideBySide(AT_ONCE, files, (file) => {
    const path = store.localPath(file.key)
    return path === undefined ? fetched(store, load, file, ctx) : checked(store, load, file, path)
  })
}

/** Files, and loads, that are fetched at a time. */
const AT_ONCE = 8

const compared = new WeakMap<Store, Set<string>>()

/**
 * The same for what is about to be computed from: every file once in the life of a store, and none of those that this very run has landed. Of a store elsewhere the files are fetched into the workspace, which compares them.
 * @throws CheckError naming the first file that is missing or differs
 */
export async function verifyOnce(store: Store, loads: readonly Landing[], ctx: RunContext): Promise<void> {
  const known = compared.get(store) ?? new Set()
  compared.set(store, known)
  if (store.localPath('_') === undefined) {
    await sideBySide(AT_ONCE, loads, (load) => localFiles(store, load, [...load.files, ...(load.tombstones ?? [])], ctx))
    return
  }
  for (const load of loads) {
    const [{ key = '' } = {}] = load.files
    if (load.run.id === ctx.run || known.has(key)) continue
    await verifyFiles(store, [load])
    known.add(key)
  }
}

/**
 * Compares every file of the loads with its manifest byte for byte (SHA-256), rows and tombstones alike: in the store itself, or, of a file that is kept here, by the checksum that the store has of its object.
 * @throws CheckError naming the first file that is missing or differs
 */
export async function verifyFiles(store: Store, loads: readonly Landing[]): Promise<void> {
  for (const load of loads)
    for (const file of [...load.files, ...(load.tombstones ?? [])]) {
      const kept = await caches.get(store)?.fingerprint(file)
      const there = kept && (await store.head(file.key))
      if (kept && there?.bytes === kept.bytes && there.crc32c === kept.crc32c) continue
      const found = await fingerprintOfStream(await streamOf(store, load, file))
      requireSame(load, file, found)
    }
}

async function checked(store: Store, load: Landing, file: LandedFile, path: string): Promise<string> {
  const found = await store.head(file.key)
  if (!found) throw damaged(load, file, 'is missing')
  if (found.bytes !== file.bytes) throw damaged(load, file, `has ${found.bytes} bytes, not ${file.bytes}`)
  return path
}

async function fetched(store: Store, load: Landing, file: LandedFile, ctx: RunContext): Promise<string> {
  const folder = join(ctx.workspace, 'landed')
  const path = join(folder, `${createHash('sha256').update(file.key).digest('hex').slice(0, 32)}.parquet`)
  if (await exists(path)) return path
  const fetch = async (to: string): Promise<Fingerprint> => {
    const sums = checksums()
    await disk.writeStream(to, await streamOf(store, load, file), sums.add, ctx.signal)
    return sums.result()
  }
  try {
    await mkdir(folder, { recursive: true })
    const cache = caches.get(store)
    if (!cache) {
      const part = `${path}.part-${randomUUID()}`
      requireSame(load, file, await fetch(part))
      await disk.rename(part, path)
    } else if ((await cache.take(file, path, fetch, (found) => differs(load, file, found))) === 'damaged') {
      const message = `the copy of ${file.key} on this machine was damaged: it was fetched again`
      ctx.emit({ type: 'warning', stage: 'land', dataset: load.dataset, message })
    }
    return path
  } catch (error) {
    // What the disk refuses may be the cache's: then its folder is named.
    throw refusedByDisk(error, error instanceof Error && 'path' in error ? String(error.path) : path)
  }
}

async function streamOf(store: Store, load: Landing, file: LandedFile): Promise<Readable> {
  return store.get(file.key).catch((error: unknown) => {
    throw error instanceof NotFound ? damaged(load, file, 'is missing') : error
  })
}

function requireSame(load: Landing, file: LandedFile, found: Fingerprint): void {
  if (found.sha256 !== file.sha256 || found.bytes !== file.bytes) throw differs(load, file, found)
}

function differs(load: Landing, file: LandedFile, { bytes }: Fingerprint): CheckError {
  return damaged(
    load,
    file,
    bytes === file.bytes ? 'has other bytes than were landed (its SHA-256 differs)' : `has ${bytes} bytes, not ${file.bytes}`,
  )
}

function undecodedError(
  { pipeline, dataset, partition }: Pick<Landing, 'pipeline' | 'dataset' | 'partition'>,
  format: string,
): ConfigError {
  return new ConfigError(`"${dataset}" has landed undecoded, as ${format}: nothing reads it but the load into its table`, {
    ...{ stage: 'land', pipeline, dataset, ...(partition !== '_all' && { partition }) },
    hint: 'query the table; or leave `forward` away and run again: the dataset then lands as Parquet, and everything may read it',
  })
}

/** The error of a landed file that is not what its manifest says. */
export function damaged(
  { pipeline, dataset, partition }: Pick<Landing, 'pipeline' | 'dataset' | 'partition'>,
  file: LandedFile,
  what: string,
): CheckError {
  return new CheckError(`the landed file ${file.key} ${what}`, {
    ...{ stage: 'land', pipeline, dataset, file: file.key, ...(partition !== '_all' && { partition }) },
    hint: `read the source again: millrace run ${pipeline}${partition === '_all' ? '' : ` --partition ${partition}`} --refresh`,
  })
}
