import { createHash } from 'node:crypto'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { NotFound } from '../core/errors.ts'
import type { DeliveryManifest } from './manifest.ts'
import { recordOf } from './objects.ts'
import { faultsOfFile } from './verify-file.ts'

/** The folder of one delivery, wherever it lies: a reader needs nothing else of it. */
export interface DeliveryFolder {
  /** How a person calls it. */
  readonly name: string
  /** An object in it. @throws NotFound */
  open(name: string): Promise<Readable>
}

/** What a delivery says of itself, and what is not so. */
export interface VerifiedDelivery {
  readonly folder: string
  readonly manifest?: DeliveryManifest
  readonly bytes: number
  /** A sentence each; none: every byte, row and column name is as the manifest says. */
  readonly faults: readonly string[]
}

/**
 * Holds a delivery against its own manifest, as a reader who trusts nothing does: `latest.json` names the manifest and its SHA-256, the manifest each file. Everything is read, so that all faults are
 * told at once. Needs no project and no right but to read.
 * @throws NotFound where there is no `latest.json`
 */
export async function verifyDelivery(folder: DeliveryFolder): Promise<VerifiedDelivery> {
  const faults: string[] = []
  const latest = await recordFrom(folder, 'latest.json', 'Latest', faults)
  if (!latest) return { folder: folder.name, bytes: 0, faults }
  const name = baseName(latest.value.manifest)
  const manifest = await recordFrom(folder, name, 'DeliveryManifest', faults).catch((error: unknown) => missing(error, name, faults))
  if (!manifest) return { folder: folder.name, bytes: 0, faults }
  if (manifest.sha256 !== latest.value.run.manifestSha256)
    faults.push(`${name} has SHA-256 ${manifest.sha256}, and latest.json names ${latest.value.run.manifestSha256}`)
  const { contract, files, rows } = manifest.value
  for (const field of ['pipeline', 'path', 'partition', 'inputKey'] as const)
    if (manifest.value[field] !== latest.value[field])
      faults.push(`${name} is of ${field} ${manifest.value[field]}, latest.json of ${latest.value[field]}`)
  if (files.reduce((sum, file) => sum + file.rows, 0) !== rows) faults.push(`${name} counts ${rows} rows, its files have others`)
  for (const file of files) {
    const each = baseName(file.key)
    const stream = await folder.open(each).catch((error: unknown) => missing(error, each, faults))
    if (stream) faults.push(...(await faultsOfFile(stream, file, contract)).map((fault) => `${each} ${fault}`))
  }
  return { folder: folder.name, manifest: manifest.value, bytes: files.reduce((sum, file) => sum + file.bytes, 0), faults }
}

async function recordFrom<K extends 'Latest' | 'DeliveryManifest'>(folder: DeliveryFolder, name: string, kind: K, faults: string[]) {
  const json = await text(await folder.open(name))
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

function missing(error: unknown, name: string, faults: string[]): undefined {
  if (!(error instanceof NotFound)) throw error
  faults.push(`${name} is missing`)
  return undefined
}

/** Objects of a delivery lie in its folder: their keys are of the store, whose root a reader may not see. */
const baseName = (key: string) => key.slice(key.lastIndexOf('/') + 1)
