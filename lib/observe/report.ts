import type { Stage } from '../core/errors.ts'

/** An error as it stands in reports and records: fields before message, no secret. */
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
  /** Of a bug only: of anything that is not one of our errors. */
  readonly stack?: string
}

/** One stage's work on one dataset or target. */
export interface StepReport {
  readonly stage: Stage
  /** Partition name; '' for the pipeline's shared datasets. */
  readonly partition: string
  readonly dataset: string
  /** The partition that was landed, where a look-back landed an earlier one. */
  readonly of?: string
  /** Table or file path, for load and export. */
  readonly target?: string
  /** `staged`: part of a named delivery that has not been switched yet. */
  readonly outcome: 'done' | 'staged' | 'unchanged' | 'skipped' | 'failed' | 'stopped'
  readonly rows?: number
  readonly bytes?: number
  /** How the rows add up. land: `read` = rows + `unchanged` + `superseded`, and keys that are `gone`; load: the dataset's = rows + `superseded`, and what was `removed`. */
  readonly counts?: Readonly<Record<string, number>>
  /** What it read, as far as that is known: rows, and bytes of their files. */
  readonly inputRows?: number
  readonly inputBytes?: number
  /** What its result is of: a load's content hash, a dataset's hash, a target's input key. */
  readonly inputKey?: string
  /** Highest resident memory of this process and those below it while the step ran, and of what ran beside it. */
  readonly peakBytes?: number
  /** Most bytes that engines had on the disk meanwhile, as sampled; absent where none were seen. */
  readonly spilledBytes?: number
  readonly ms: number
  /** Files or objects that the step wrote or pinned. */
  readonly files?: readonly string[]
}

export interface PartitionReport {
  /** Partition name; '' for the pipeline's shared datasets. */
  readonly partition: string
  /** `unchanged`: everything was up to date. `open`: done, but its window had not ended. `stopped`: interrupted while it ran. `notRun`: an earlier one failed, or the run was interrupted before. */
  readonly outcome: 'done' | 'unchanged' | 'open' | 'failed' | 'stopped' | 'notRun'
  readonly ms: number
  readonly steps: readonly StepReport[]
  readonly error?: ErrorReport
  /** Resident memory of this process when the partition ended. */
  readonly rssBytes: number
}

/** What became of a named delivery at the end of a run. */
export interface DeliveryReport {
  /** Its name, `{partition}` filled in. */
  readonly delivery: string
  /** `mended`: it holds what it held, and plain copies that were missing or others were brought to it. `notSwitched`: something of the run failed, and what was staged waits for the next one. */
  readonly outcome: 'delivered' | 'mended' | 'unchanged' | 'failed' | 'notSwitched'
  /** Of all that it holds. */
  readonly rows?: number
  readonly files?: number
  readonly error?: ErrorReport
}

/** Whom a run told of deliveries. */
export interface NoticeReport {
  /** The name in the profile's `notify`. */
  readonly receiver: string
  /** Notices that it has taken. */
  readonly sent: number
  /** Deliveries of which it has not been told all: the next run does. */
  readonly pending: number
  /** Why, where one could not be sent. */
  readonly error?: ErrorReport
}

/** Partitions that are done, and that other code than today's has made: SQL, a frame, parameters, a contract. */
export interface Stale {
  /** In their order. */
  readonly partitions: readonly string[]
  /** The command that makes them again. */
  readonly again: string
}

/** What a run was forecast to take, learned from earlier ones. */
export interface ForecastReport {
  readonly partitions: number
  readonly seconds: number
  /** Resident memory of all its processes. */
  readonly peakBytes: number
  /** Landed and delivered. */
  readonly bytesWritten: number
  /** What it is learned from: `12 partitions`. */
  readonly from: string
  /** What it took; absent before. */
  readonly took?: { readonly seconds: number; readonly peakBytes: number; readonly bytesWritten: number }
}

export interface RunReport {
  readonly pipeline: string
  readonly profile: string
  readonly run: string
  /** UTC, ISO 8601. */
  readonly startedAt: string
  readonly endedAt: string
  /** The last scheduled time when it began, UTC; absent where the pipeline has no schedule, and where partitions or a stage were named: only a whole run stands for it. */
  readonly scheduled?: string
  readonly outcome: 'done' | 'unchanged' | 'failed' | 'interrupted'
  readonly exitCode: number
  readonly partitions: readonly PartitionReport[]
  /** Of those that commit at the run's end; absent where the pipeline has none, or nothing was staged. */
  readonly deliveries?: readonly DeliveryReport[]
  /** Absent where nobody was told, and nothing waits. */
  readonly notices?: readonly NoticeReport[]
  /** What was left as it is, unasked; absent where nothing was, and where partitions were named: then no others were looked at. */
  readonly stale?: Stale
  /** Of a backfill: of the partitions that it made, where anything was known before. */
  readonly forecast?: ForecastReport
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
