import { createHash } from 'node:crypto'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { DamagedError, NotFound } from '../../core/errors.ts'
import type { DeliveryManifest, SetManifest } from '../manifest.ts'
import { recordOf } from '../objects.ts'
import { readTwice } from '../read-twice.ts'
import type { VerifyTools } from './read-again.ts'
import { verifyFile } from './verify-file.ts'

/** The folder of one delivery, wherever it lies: a reader needs nothing else of it. */
export interface DeliveryFolder {
  /** How a person calls it. */
  readonly name: string
  /** An object in it, or in a folder below it. @throws NotFound */
  open(name: string): Promise<Readable>
}

/** What a delivery says of itself, and what is not so. */
export interface VerifiedDelivery {
  readonly folder: string
  readonly manifest?: DeliveryManifest | SetManifest
  readonly bytes: number
  /** How many files it has, and of how many the rows were held against what was proved of them before they were published. */
  readonly files: { readonly count: number; readonly proved: number }
  /** A sentence each; none: all that was looked at is as the manifest says. */
  readonly faults: readonly string[]
}

/** Files of one export and partition, as a manifest has them. */
type Delivered = Pick<DeliveryManifest, 'files' | 'rows' | 'contract'>

/** A delivery being read, and how its objects are called in it: keys are of the store, whose root a reader may not see. */
interface Reading {
  readonly folder: DeliveryFolder
  /** The manifest's own name. */
  readonly name: string
  readonly nameOf: (key: string) => string
  readonly tools: VerifyTools
}

/**
 * Holds a delivery against its own manifest, as a reader who trusts nothing does: `latest.json` names the manifest and its SHA-256, the manifest each file; that of a named delivery those of all its exports and partitions,
 * and their own manifests. Everything is read, so that all faults are told at once; of each file the rows, too, where the manifest has a proof of them. Needs no project and no right but to read.
 * @throws NotFound where there is no `latest.json`
 */
export async function verifyDelivery(folder: DeliveryFolder, tools: VerifyTools): Promise<VerifiedDelivery> {
  const faults: string[] = []
  const nothing = { folder: folder.name, bytes: 0, files: { count: 0, proved: 0 }, faults }
  const latest = await recordFrom(folder, 'latest.json', 'Latest', faults)
  if (!latest) return nothing
  const { manifest: key, dataset, run } = latest.value
  const within = key.slice(0, key.lastIndexOf('/') + 1)
  const nameOf = (object: string) => (object.startsWith(within) ? object.slice(within.length) : object)
  const reading = { folder, name: nameOf(key), nameOf, tools }
  const kind = dataset === null ? 'SetManifest' : 'DeliveryManifest'
  const manifest = await recordFrom<'SetManifest' | 'DeliveryManifest'>(folder, reading.name, kind, faults).catch((error: unknown) =>
    missing(error, reading.name, faults),
  )
  if (!manifest) return nothing
  const { value, sha256 } = manifest
  if (sha256 !== run.manifestSha256) faults.push(`${reading.name} has SHA-256 ${sha256}, and latest.json names ${run.manifestSha256}`)
  const said = { ...value, path: 'members' in value ? value.delivery : value.path }
  for (const field of ['pipeline', 'path', 'partition', 'inputKey'] as const)
    if (said[field] !== latest.value[field])
      faults.push(`${reading.name} is of ${field} ${said[field]}, latest.json of ${latest.value[field]}`)
  if ('members' in value) faults.push(...(await faultsOfSet(reading, value)))
  const all: readonly Delivered[] = 'members' in value ? value.members : [value]
  let proved = 0
  for (const each of all) {
    const found = await filesOf(reading, each)
    faults.push(...found.faults)
    proved += found.proved
  }
  const files = all.flatMap((each) => each.files)
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0)
  return { folder: folder.name, manifest: value, bytes, files: { count: files.length, proved }, faults }
}

async function filesOf(
  { folder, name, nameOf, tools }: Reading,
  { files, rows, contract }: Delivered,
): Promise<{ readonly faults: readonly string[]; readonly proved: number }> {
  const faults: string[] = []
  let [before, proved] = [0, 0]
  if (files.reduce((sum, file) => sum + file.rows, 0) !== rows) faults.push(`${name} counts ${rows} rows, its files have others`)
  for (const file of files) {
    const each = nameOf(file.key)
    const found = await undamaged(each, faults, async () => {
      const stream = await folder.open(each).catch((error: unknown) => missing(error, each, faults))
      return stream && verifyFile(stream, file, contract, before, tools)
    })
    if (found) {
      faults.push(...found.faults.map((fault) => `${each} ${fault}`))
      if (found.proved) proved++
    }
    before += file.rows
  }
  return { faults, proved }
}

/** The members' own manifests are there, and the set counts the rows of all. */
async function faultsOfSet({ folder, name, nameOf }: Reading, { members, rows, run }: SetManifest): Promise<readonly string[]> {
  const faults: string[] = []
  if (members.reduce((sum, member) => sum + member.rows, 0) !== rows) faults.push(`${name} counts ${rows} rows, its members have others`)
  for (const { manifest } of members) {
    const each = nameOf(manifest)
    const json = await undamaged(each, faults, async () => {
      const stream = await folder.open(each).catch((error: unknown) => missing(error, each, faults))
      return stream && text(stream)
    })
    const sha256 = json === undefined ? undefined : createHash('sha256').update(json).digest('hex')
    if (sha256 !== undefined && sha256 !== run.manifests[manifest])
      faults.push(`${each} has SHA-256 ${sha256}, and ${name} names ${run.manifests[manifest]}`)
  }
  return faults
}

async function recordFrom<K extends 'Latest' | 'DeliveryManifest' | 'SetManifest'>(
  folder: DeliveryFolder,
  name: string,
  kind: K,
  faults: string[],
) {
  const json = await undamaged(name, faults, async () => text(await folder.open(name)))
  if (json === undefined) return undefined
  try {
    return { value: await recordOf(kind, JSON.parse(json)), sha256: createHash('sha256').update(json).digest('hex') }
  } catch {
    const format = /"format": (\d+)/.exec(json)?.[1]
    faults.push(
      kind === 'DeliveryManifest' && format === '1'
        ? `${name} is of format 1: this version of millrace reads format 2, the one that wrote it reads it`
        : `${name} is not what millrace writes there`,
    )
    return undefined
  }
}

/** What lies damaged in the store is a fault of the delivery. */
async function undamaged<T>(name: string, faults: string[], read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await readTwice(read)
  } catch (error) {
    if (!(error instanceof DamagedError)) throw error
    faults.push(`${name} is damaged: ${error.message}`)
    return undefined
  }
}

function missing(error: unknown, name: string, faults: string[]): undefined {
  if (!(error instanceof NotFound)) throw error
  faults.push(`${name} is missing`)
  return undefined
}
