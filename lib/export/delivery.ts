import type { ObjectInfo, Store } from '../connectors/store.ts'
import type { RunContext } from '../core/context.ts'
import type { Dataset } from '../core/dataset.ts'
import { type ErrorPlace, PermanentError } from '../core/errors.ts'
import type { OpenEngine } from '../engines/engine-pool.ts'
import type { Export } from './contract/export.ts'
import type { DeliveryLayout } from './layout.ts'
import type { DeliveryManifest } from './manifest.ts'
import type { Pointed } from './pointer.ts'

/** One dataset on its way into one delivered file. */
export interface DeliveryRequest {
  readonly pipeline: string
  readonly dataset: Dataset
  readonly export: Export
  /** undefined: an export without partitions. */
  readonly partition: string | undefined
  readonly inputKey: string
  /** Recorded in the manifest. */
  readonly codeVersion?: string
  /** Write the rows again though this input key is delivered: the same bytes are adopted. */
  readonly force?: boolean
  /**
   * Whether the rows were computed from what is still the newest. Asked once the delivery has seen what it would replace: what another run delivers after that fails a precondition, and what it had delivered
   * before, from newer inputs, must not be taken back. Absent: they were.
   */
  readonly isCurrent?: () => Promise<boolean>
}

/** What became of a delivery. */
export interface ExportReceipt {
  /**
   * `delivered`; `unchanged`: equal key, all objects there; `mended`: equal key, a copy that was missing is made; `kept`: no rows, and `keepLast`.
   */
  readonly outcome: 'delivered' | 'unchanged' | 'mended' | 'kept'
  readonly rows: number
  /** As stored. */
  readonly bytes: number
  /** Keys of the immutable objects; none where there were no rows and no file. */
  readonly files: readonly string[]
  /** Key of the manifest; undefined when kept. */
  readonly manifest: string | undefined
  /** Key of the plain copy, where there is one. */
  readonly plain: string | undefined
}

/** A delivered object as its manifest names it. */
export type File = DeliveryManifest['files'][number]

/** What stood when the delivery began: its versions are the preconditions of what the delivery replaces. */
export interface Before {
  readonly pointed: Pointed
  /** What was delivered last of this export and partition. */
  readonly last: Last | undefined
  /** The input key of what a person went back from to `last`: it is not delivered again. */
  readonly rolledBack: string | undefined
  readonly plain: ObjectInfo | undefined
}

/** An earlier delivery of one (export, partition). */
export interface Last {
  readonly manifest: string
  readonly manifestSha256: string
  readonly inputKey: string
}

/** One delivery at work. */
export interface Work {
  readonly request: DeliveryRequest
  readonly layout: DeliveryLayout
  readonly before: Before
  readonly store: Store
  readonly ctx: RunContext
  readonly openEngine: OpenEngine
  readonly place: ErrorPlace
}

/** What every object of a delivery says of it. */
export function identity({ pipeline, dataset, export: target, partition, inputKey }: DeliveryRequest) {
  return { format: 1, pipeline, dataset: dataset.name, path: target.path, partition: partition ?? null, inputKey } as const
}

/** Other content under a name that never changes. */
export function conflict(key: string, found: ObjectInfo | undefined, file: File): PermanentError {
  const have = found ? `${found.bytes} bytes, crc32c ${found.crc32c}` : 'nothing'
  return new PermanentError(
    `${key} holds ${have}, where this delivery has ${file.bytes} bytes, crc32c ${file.crc32c}; it is not overwritten`,
    { file: key, hint: 'a hand changed it, or another version of millrace wrote it: move it away, and run again' },
  )
}
