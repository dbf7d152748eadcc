import type { Columns } from '../core/dataset.ts'
import type { Comparison } from '../export/gate/compare.ts'
// What observe/ writes and prints is declared there, below this room.
import type { ErrorReport, ForecastReport, NoticeReport, Stale } from '../observe/report.ts'

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

/**
 * What changed: a step's SQL, a frame, a function of SQL, a module (or the rest of pipeline.ts), a parameter, a contract or what else is said of an export, a table's disposition, a table's name (`renamed`: what it was), the content of an input, the
 * columns of a source, what is asked of it, a whole step; `unknown`: what it was is not recorded.
 */
export type ChangeKind =
  | 'sql'
  | 'frame'
  | 'function'
  | 'module'
  | 'parameter'
  | 'contract'
  | 'table'
  | 'renamed'
  | 'input'
  | 'columns'
  | 'request'
  | 'step'
  | 'unknown'

/** A dataset that comes out otherwise, and what is written of it. */
export interface Consequence {
  readonly dataset: string
  readonly targets: readonly {
    readonly stage: 'load' | 'export'
    /** Table or path. */
    readonly target: string
    /** Oldest first; empty for a target without partitions. */
    readonly partitions: readonly string[]
    /** It takes landed loads one by one: what is there stays as it was made; of a merge `run --force` applies all loads again. */
    readonly stays?: 'append' | 'merge'
  }[]
  /** What is computed from it, as far as it leads there. */
  readonly derived: readonly Consequence[]
}

/** One change, and what follows from it. */
export interface Cause {
  readonly kind: ChangeKind
  /** The step, function, module, parameter, path, table or dataset. */
  readonly name: string
  /** What of it changed; empty where the name says all. */
  readonly what: string
  /** Empty: what follows is known when the source has been read. */
  readonly follows: readonly Consequence[]
}

/** What is made of what has changed since: see `stalePlan`. */
export interface StaleReport {
  readonly pipeline: string
  readonly profile: string
  readonly causes: readonly Cause[]
  /** Partitions that are done and whose results would come out under another input key; made again when they are named. */
  readonly partitions: readonly string[]
  /** Those of them that the code of today has made, of inputs that are others by now: `status` and `plan`, which know stale by code alone, do not count them. */
  readonly byInputs: readonly string[]
  /** Partitions that are to be read again because of a change: every run takes them. */
  readonly due: readonly string[]
  /** Partitions that are done, stale ones among them. */
  readonly done: number
  /** Those that have ended and are not done: every run takes them. */
  readonly waiting: number
  /** Whether anything of what is done, or of what partitions share, has been made. */
  readonly made: boolean
  /** The command that makes the stale ones again; absent where there is none. */
  readonly again?: string
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

/** One thing that a pointer has said. */
export interface DeliverySwitch {
  readonly switch: number
  /** UTC, ISO 8601. */
  readonly at: string
  readonly run: string
  readonly current: boolean
  readonly manifest: string
  /** null: its manifest is gone. */
  readonly rows: number | null
  readonly files: number | null
  /** Whether every file is there, so that one can go back to it. */
  readonly whole: boolean
  readonly rolledBack?: { readonly from: string; readonly reason: string }
  readonly accepted?: { readonly reason: string }
}

/** What one export's partition, or a named delivery, has been. */
export interface DeliveryHistory {
  readonly name: string
  /** null: it is not one partition's. */
  readonly partition: string | null
  /** Newest first. */
  readonly switches: readonly DeliverySwitch[]
  readonly held?: Pick<DeliverySwitch, 'at' | 'run' | 'manifest' | 'rows' | 'files'> & {
    readonly beyond: readonly string[]
    readonly samples: readonly string[]
  }
}

/** Two deliveries, compared. */
export interface DeliveryDiff {
  readonly name: string
  readonly partition: string | null
  /** Numbers of switches, or what is held. */
  readonly from: number | 'held'
  readonly to: number | 'held'
  /** For each export and partition that both hold, and hold otherwise. */
  readonly compared: readonly (Comparison & {
    readonly path: string
    readonly partition: string | null
    /** Where rows that differ were written, if that was asked for. */
    readonly sample?: string
  })[]
}

/** A pointer that a person has switched. */
export interface SwitchedReport {
  readonly pipeline: string
  readonly name: string
  readonly partition: string | null
  /** Numbers of the switch before, and of this one. */
  readonly from: number
  readonly switch: number
  readonly manifest: string
  readonly rows: number
  readonly files: number
  /** Absent where nobody was told, and nothing waits. */
  readonly notices?: readonly NoticeReport[]
}
