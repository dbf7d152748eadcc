import type { RunEvent } from '../../core/context.ts'
import type { Columns } from '../../core/dataset.ts'
import type { ErrorData } from '../../core/error-data.ts'
import type { Setting } from './settings.ts'

/** What is computed again in one go: a partition, or what partitions share (null); with `load`, what is computed from the changes of that one landed load. */
export interface CertifyUnit {
  readonly partition: string | null
  readonly load?: { readonly dataset: string; readonly id: number }
}

/** What a child is asked to compute. */
export interface CertifyJob {
  /** The project's folder. */
  readonly project: string
  readonly profile: string
  readonly pipeline: string
  readonly units: readonly CertifyUnit[]
  readonly setting: Setting
  /** Where it writes, its own. */
  readonly folder: string
}

/** A dataset that a child has computed. */
export interface MadeDataset {
  readonly name: string
  readonly columns: Columns
  readonly files: readonly string[]
  readonly rows: number
}

/** One unit as a child has computed it. */
export interface MadeUnit extends CertifyUnit {
  /** Hashes of the content that it was computed from, by extracted dataset. */
  readonly inputs: Readonly<Record<string, string>>
  readonly datasets: readonly MadeDataset[]
}

export type FromCertifyChild =
  | { readonly type: 'event'; readonly event: RunEvent; readonly partition?: string | undefined }
  | { readonly type: 'done'; readonly units: readonly MadeUnit[] }
  | { readonly type: 'failed'; readonly error: ErrorData }
