import type { Columns } from '../core/dataset.ts'
import type { Stage } from '../core/errors.ts'

/** An error as it stands in reports and records: fields before message, no stack, no secret. */
export interface ErrorReport {
  readonly kind: string
  readonly message: string
  readonly hint?: string
  readonly exitCode: number
  readonly stage?: Stage
  readonly pipeline?: string
  readonly partition?: string
  readonly dataset?: string
  readonly table?: string
  readonly column?: string
  readonly row?: number
  readonly file?: string
  readonly value?: string
}

/** One stage's work on one dataset or target. */
export interface StepReport {
  readonly stage: Stage
  /** Partition name; '' for the pipeline's shared datasets. */
  readonly partition: string
  readonly dataset: string
  /** Table or file path, for load and export. */
  readonly target?: string
  readonly outcome: 'done' | 'unchanged' | 'skipped' | 'failed'
  readonly rows?: number
  readonly bytes?: number
  readonly ms: number
  /** Files or objects that the step wrote or pinned. */
  readonly files?: readonly string[]
}

export interface PartitionReport {
  /** Partition name; '' for the pipeline's shared datasets. */
  readonly partition: string
  /** `unchanged`: everything was up to date. `open`: done, but its window had not ended. `notRun`: an earlier one failed, or the run was stopped. */
  readonly outcome: 'done' | 'unchanged' | 'open' | 'failed' | 'notRun'
  readonly ms: number
  readonly steps: readonly StepReport[]
  readonly error?: ErrorReport
  /** Resident memory of this process when the partition ended. */
  readonly rssBytes: number
}

export interface RunReport {
  readonly pipeline: string
  readonly profile: string
  readonly run: string
  /** UTC, ISO 8601. */
  readonly startedAt: string
  readonly endedAt: string
  readonly outcome: 'done' | 'unchanged' | 'failed' | 'interrupted'
  readonly exitCode: number
  readonly partitions: readonly PartitionReport[]
  readonly retries: number
  readonly warnings: readonly string[]
  /** Highest resident memory of this process and its reader child together, as sampled. */
  readonly peakRssBytes: number
  /** Where a person finds the delivered files and the tables. */
  readonly locations: { readonly store: string; readonly warehouse: string; readonly landing: string }
  /** Every landing manifest that the run read. */
  readonly manifests: readonly string[]
  readonly versions: Readonly<Record<string, string>>
}

export interface PlannedDataset {
  readonly name: string
  /** `source` (extracted), `duckdb` or `polars`. */
  readonly engine: 'source' | 'duckdb' | 'polars'
  readonly columns: Columns
  readonly reads: readonly string[]
  readonly partitioned: boolean
  /** What will be read: `window time, looks back 2d`, `cursor last_update from 2005-05-01`, `whole`. */
  readonly note: string
}

export interface PlannedTarget {
  readonly dataset: string
  readonly stage: 'load' | 'export'
  /** Table or path. */
  readonly target: string
  readonly how: string
}

export interface PlanReport {
  readonly pipeline: string
  readonly profile: string
  readonly datasets: readonly PlannedDataset[]
  readonly targets: readonly PlannedTarget[]
  readonly partitions: {
    readonly done: number
    readonly due: readonly string[]
    readonly open: readonly string[]
    readonly failed: readonly string[]
  }
  readonly warnings: readonly string[]
  /** What changed in schema.ts; with `frozen` any line is an error. */
  readonly schemaChanges: readonly string[]
  readonly schemaFile: string
  readonly ms: number
}

export interface PipelineStatus {
  readonly pipeline: string
  readonly profile: string
  /** As last seen by the ledger and the commit points; sources are not asked. */
  readonly partitions: readonly {
    readonly partition: string
    readonly state: 'done' | 'due' | 'open' | 'failed'
    readonly at?: string
    readonly error?: string
  }[]
  readonly lastRun?: { readonly run: string; readonly at: string; readonly outcome: string }
}

export interface ShowResult {
  readonly pipeline: string
  readonly dataset: string
  readonly partition: string
  readonly columns: Columns
  readonly rows: number
  readonly files: number
  readonly bytes: number
  /** The first rows as text, null for NULL, in the columns' order. */
  readonly sample: readonly (readonly (string | null)[])[]
}

export interface PruneReport {
  readonly pipeline: string
  readonly kept: number
  readonly removed: readonly { readonly what: 'landing' | 'export' | 'workspace' | 'run'; readonly key: string; readonly bytes: number }[]
  readonly dryRun: boolean
}
