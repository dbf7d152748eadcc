import { createHash } from 'node:crypto'
import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Store } from '../connectors/store.ts'
import type { RunContext } from '../core/context.ts'
import { disk, exists } from '../core/disk.ts'
import { refusedByDisk } from '../core/disk-refusal.ts'
import { CheckError, ConfigError, NotFound } from '../core/errors.ts'
import type { LandedFile, LoadManifest } from '../state/manifest.ts'
import { fingerprintOfStream } from './fingerprint.ts'

/** What is landed under names in the store: a load, or loads compacted. */
export type Landing = Pick<LoadManifest, 'pipeline' | 'dataset' | 'partition' | 'files' | 'undecoded' | 'tombstones'> & {
  readonly run: Pick<LoadManifest['run'], 'id'>
}

/**
 * Local paths of landed files, for engines: those of a local store after a look at presence and size, those of another store copied into the workspace and compared byte for byte.
 * @throws CheckError naming the file that is missing or is not what the manifest says, ConfigError for a load that is not Parquet
 */
export async function localFiles(store: Store, load: Landing, files: readonly LandedFile[], ctx: RunContext): Promise<string[]> {
  if (load.undecoded) throw undecodedError(load, load.undecoded.format)
  const paths: string[] = []
  for (const file of files) {
    const path = store.localPath(file.key)
    paths.push(path === undefined ? await download(store, load, file, ctx) : await checked(store, load, file, path))
  }
  return paths
}

const compared = new WeakMap<Store, Set<string>>()

/**
 * The same for what is about to be computed from: every file once in the life of a store, and none of those that this very run has landed.
 * @throws CheckError naming the first file that is missing or differs
 */
export async function verifyOnce(store: Store, loads: readonly Landing[], ctx: RunContext): Promise<void> {
  const known = compared.get(store) ?? new Set()
  compared.set(store, known)
  for (const load of loads) {
    const [{ key = '' } = {}] = load.files
    if (load.run.id === ctx.run || known.has(key)) continue
    await verifyFiles(store, [load])
    known.add(key)
  }
}

/**
 * Compares every file of the loads with its manifest byte for byte (SHA-256), rows and tombstones alike.
 * @throws CheckError naming the first file that is missing or differs
 */
export async function verifyFiles(store: Store, loads: readonly Landing[]): Promise<void> {
  for (const load of loads)
    for (const file of [...load.files, ...(load.tombstones ?? [])]) {
      const stream = await store.get(file.key).catch((error: unknown) => {
        throw error instanceof NotFound ? damaged(load, file, 'is missing') : error
      })
      const { bytes, sha256 } = await fingerprintOfStream(stream)
      if (bytes !== file.bytes) throw damaged(load, file, `has ${bytes} bytes, not ${file.bytes}`)
      if (sha256 !== file.sha256) throw damaged(load, file, 'has other bytes than were landed (its SHA-256 differs)')
    }
}

async function checked(store: Store, load: Landing, file: LandedFile, path: string): Promise<string> {
  const found = await store.head(file.key)
  if (!found) throw damaged(load, file, 'is missing')
  if (found.bytes !== file.bytes) throw damaged(load, file, `has ${found.bytes} bytes, not ${file.bytes}`)
  return path
}

async function download(store: Store, load: Landing, file: LandedFile, ctx: RunContext): Promise<string> {
  const folder = join(ctx.workspace, 'landed')
  const path = join(folder, `${createHash('sha256').update(file.key).digest('hex').slice(0, 32)}.parquet`)
  if (await exists(path)) return path
  try {
    await mkdir(folder, { recursive: true })
    const stream = await store.get(file.key).catch((error: unknown) => {
      throw error instanceof NotFound ? damaged(load, file, 'is missing') : error
    })
    const sha = createHash('sha256')
    await disk.writeStream(`${path}.part`, stream, (chunk) => sha.update(chunk), ctx.signal)
    if (sha.digest('hex') !== file.sha256) throw damaged(load, file, 'has other bytes than were landed (its SHA-256 differs)')
    await rename(`${path}.part`, path)
    return path
  } catch (error) {
    await rm(`${path}.part`, { force: true })
    throw refusedByDisk(error, path)
  }
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
