import { join } from 'node:path'
import { makeFolderDurable, writeWhole } from '../../core/disk.ts'
import { refusedByDisk } from '../../core/disk-refusal.ts'
import { keyPart } from '../../core/key-part.ts'
import { redactJson } from '../../core/secret.ts'
import type { ErrorReport } from '../report.ts'
import type { Difference } from './compare.ts'
import type { CertifyUnit, MadeUnit } from './job.ts'

/** A dataset, or a file to be delivered, that came out otherwise. */
export interface CertifyDifference extends Difference {
  readonly dataset: string
  /** Path of the export, where what would be delivered differs; absent: the dataset does. */
  readonly export?: string
  /** The partition in which it was seen first; null: what partitions share. */
  readonly partition: string | null
  /** How many of the partitions that were computed. */
  readonly partitions: number
  /** Of what is computed from changes: the load of which it was seen first, and of how many loads. */
  readonly load?: NonNullable<CertifyUnit['load']>
  readonly loads?: number
  /** Names of the settings under which it differs; of the first of them the figures are. */
  readonly settings: readonly string[]
  readonly when: string
  readonly causes: readonly string[]
  /** Only the last digits of floats differ, and neither a table nor a delivered file shows it. */
  readonly tolerated?: true
}

/** A setting under which the pipeline could not be computed at all. */
export interface CertifyFailure {
  readonly setting: string
  readonly when: string
  readonly error: ErrorReport
}

/** What `millrace certify` found; what `certificates/<pipeline>/<id>.json` in the state folder holds. Times are UTC, ISO 8601. */
export interface Certificate {
  readonly format: 1
  readonly id: string
  readonly pipeline: string
  readonly profile: string
  readonly outcome: 'certified' | 'differs'
  /** 0, or 3 where something differs. */
  readonly exitCode: number
  readonly startedAt: string
  readonly endedAt: string
  /** Hashes of the steps' code, as input keys have them: another code is another certificate. */
  readonly code: Readonly<Record<string, string>>
  /** What was computed again, each with the content hashes of what it was computed from. */
  readonly units: readonly Omit<MadeUnit, 'datasets'>[]
  /** What was compared. */
  readonly datasets: readonly string[]
  readonly exports: readonly string[]
  readonly settings: readonly { readonly name: string; readonly when: string }[]
  readonly differences: readonly CertifyDifference[]
  readonly failures: readonly CertifyFailure[]
  readonly versions: Readonly<Record<string, string>>
}

/** Writes a certificate whole or not at all; gives its path. @throws PermanentError when the disk refuses */
export async function writeCertificate(state: string, certificate: Certificate): Promise<string> {
  const folder = join(state, 'certificates', keyPart(certificate.pipeline))
  const file = join(folder, `${certificate.id}.json`)
  try {
    await makeFolderDurable(folder)
    await writeWhole(file, `${JSON.stringify(redactJson(certificate), null, 2)}\n`)
    return file
  } catch (error) {
    throw refusedByDisk(error, file)
  }
}
