import type { Columns } from '../core/dataset.ts'
// What observe/ writes and prints is declared there, below this room.
import type { ErrorReport, ForecastReport, Stale } from '../observe/report.ts'

export type {
  DeliveryReport,
  ErrorReport,
  ForecastReport,
  NoticeReport,
  PartitionReport,
  RunReport,
  Stale,
  StepReport,
} from '../observe/report.ts'

/** How a pipeline stands by its schedule. Times are UTC, ISO 8601. */
export interface ScheduleReport {
  readonly cron: string
  readonly zone: string
  /** The last scheduled time. */
  readonly last: string
  /** Absent where no more comes. */
  readonly next?: string
  /** No whole run that began since `last` has succeeded. */
  readonly due: boolean
  /** The one that has; else the newest whole run since `last`, which has failed. */
  readonly run?: { readonly run: string; readonly endedAt: string; readonly outcome: string; readonly exitCode: number }
}

/** A pipeline that has a schedule. */
export interface DueReport {
  readonly pipeline: string
  readonly profile: string
  readonly schedule: ScheduleReport
}

export interface PlannedDataset {
  readonly name: string
  /** `source` (extracted), `duckdb` or `polars`. */
  readonly engine: 'source' | 'duckdb' | 'polars'
  readonly columns: Columns
  /** Datasets; of an extracted one the connection. */
  readonly reads: readonly string[]
  /** What is asked of the connection: paths, a table, a query; of extracted datasets alone. */
  readonly request?: string
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
  /** Absent where it has none. */
  readonly schedule?: ScheduleReport
  readonly partitions: {
    readonly done: number
    readonly due: readonly string[]
    readonly open: readonly string[]
    /** Without those that a gate holds. */
    readonly failed: readonly string[]
    /** Of which a gate held a delivery. */
    readonly held: readonly string[]
    /** Which of those that are done were made by other code; absent where none was, and nothing is said of what no run of this state folder has made. */
    readonly stale?: Stale
  }
  /** What a run of those that are due or failed will take; absent where nothing is known. */
  readonly forecast?: ForecastReport
  /** Of the last backfill that had a forecast: what it was, and what it took. */
  readonly lastForecast?: ForecastReport
  /** Named deliveries that a gate held in the last run, and what has no partition of which one is held: by path. */
  readonly held: readonly string[]
  readonly warnings: readonly string[]
  /** What changed in schema.ts; with `frozen` any line is an error. */
  readonly schemaChanges: readonly string[]
  readonly schemaFile: string
  readonly ms: number
}

/** Switches of a delivery of which somebody has not been told. */
export interface PendingNotice {
  /** The name in the profile's `notify`. */
  readonly receiver: string
  /** Folder of its `latest.json`. */
  readonly delivery: string
  /** Numbers of switches, both inclusive. */
  readonly from: number
  readonly to: number
}

export interface PipelineStatus {
  readonly pipeline: string
  readonly profile: string
  /** As last seen by the ledger and the commit points; sources are not asked. */
  readonly partitions: readonly {
    readonly partition: string
    readonly state: 'done' | 'due' | 'open' | 'failed' | 'running'
    /** When it was last settled; of one that is running since when. */
    readonly at?: string
    /** How often it was tried since it was last done; absent where it was never tried, as far as the ledger knows. */
    readonly attempts?: number
    readonly error?: string
  }[]
  /** Which of those that are done were made by other code; absent where none was. */
  readonly stale?: Stale
  /** What the partitions share: datasets and targets without partitions; absent where there are none. `failed`: its last run has failed, and no partition is run before it passes. */
  readonly shared?: { readonly state: 'done' | 'due' | 'failed' | 'running'; readonly at?: string; readonly error?: string }
  /** Absent where there are none. */
  readonly notices?: readonly PendingNotice[]
  /** What is wrong beside it, and what to do: a table that has rows of partitions that the pipeline no longer has. */
  readonly warnings: readonly string[]
  /** Absent where it has none. */
  readonly schedule?: ScheduleReport
  readonly lastRun?: { readonly run: string; readonly at: string; readonly outcome: string }
}

/** What a backfill would do. */
export interface BackfillPlan {
  readonly pipeline: string
  readonly profile: string
  /** In the order in which they begin; `why`: how each stands. */
  readonly partitions: readonly {
    readonly partition: string
    readonly why: string
    /** What it will take; absent where nothing is known. */
    readonly forecast?: { readonly seconds: number; readonly peakBytes: number; readonly bytesWritten: number }
  }[]
  /** What they will take together; absent where nothing is known. */
  readonly forecast?: ForecastReport
  /** Of the last backfill that had a forecast: what it was, and what it took. */
  readonly lastForecast?: ForecastReport
  /** Partitions at once. */
  readonly jobs: number
  /** Of all processes together. */
  readonly memoryBytes: number
  readonly threads: number
}

/** A pipeline that cannot be read: what the others are asked for goes on without it. */
export interface BrokenPipeline {
  readonly pipeline: string
  readonly error: ErrorReport
}

export interface ShowResult {
  readonly pipeline: string
  readonly dataset: string
  readonly partition: string
  readonly columns: Columns
  readonly rows: number
  readonly files: number
  readonly bytes: number
  /** It has landed in a form that nothing reads but its load: there is no sample. `bytes`: unpacked; `columns`: with the types of the source; `tables`: where its rows are. */
  readonly undecoded?: { readonly format: string; readonly bytes: number; readonly columns: Columns; readonly tables: readonly string[] }
  /** The first rows as text, null for NULL, in the columns' order. */
  readonly sample: readonly (readonly (string | null)[])[]
}

export interface PruneReport {
  readonly pipeline: string
  readonly kept: number
  readonly removed: readonly {
    readonly what: 'landing' | 'export' | 'candidate' | 'workspace' | 'run'
    readonly key: string
    readonly bytes: number
  }[]
  readonly dryRun: boolean
}
