/** How a partition stands: `open` is done, but its window had not ended. Partition '' is a pipeline's shared datasets. */
export type PartitionState = 'done' | 'open' | 'failed'

export interface RunBegun {
  readonly run: string
  readonly pipeline: string
  readonly profile: string
  readonly startedAt: Date
  readonly versions: Readonly<Record<string, string>>
}

export interface RunEnded {
  readonly run: string
  readonly endedAt: Date
  readonly outcome: string
  readonly exitCode: number
  readonly forecast?: RunForecast
}

/** What a run was forecast to take, and what it took; a `ForecastReport` fits it. */
export interface RunForecast {
  readonly partitions: number
  readonly seconds: number
  readonly peakBytes: number
  readonly bytesWritten: number
  readonly from: string
  readonly took?: { readonly seconds: number; readonly peakBytes: number; readonly bytesWritten: number }
}

/** What one step did; a `StepReport` fits it. */
export interface LedgerStep {
  readonly stage: string
  readonly partition: string
  readonly dataset: string
  /** The partition that was landed, where a look-back landed an earlier one. */
  readonly of?: string
  readonly target?: string
  readonly outcome: string
  readonly rows?: number
  readonly bytes?: number
  readonly ms: number
  readonly inputRows?: number
  readonly inputBytes?: number
  readonly inputKey?: string
  readonly peakBytes?: number
  readonly spilledBytes?: number
}

/** An attempt at a partition begins. */
export interface PartitionBegun {
  readonly run: string
  readonly pipeline: string
  /** '' for a pipeline's shared datasets. */
  readonly partition: string
  readonly at: Date
}

/** What came of a partition; a `PartitionReport` fits its `report`. */
export interface PartitionEnded {
  readonly run: string
  readonly pipeline: string
  readonly at: Date
  /** The code that made it, as a hash: what the input keys of its targets have in common in all partitions. */
  readonly inputKey?: string
  /** One stage was run alone and others are still to do: the steps are kept, how the partition stands is not changed. */
  readonly unfinished?: true
  readonly report: {
    readonly partition: string
    readonly outcome: 'done' | 'unchanged' | 'open' | 'failed' | 'stopped' | 'notRun'
    readonly ms: number
    readonly steps: readonly LedgerStep[]
    readonly error?: { readonly message: string; readonly stage?: string; readonly dataset?: string; readonly table?: string }
  }
}

/** A partition as the ledger last saw it. */
export interface PartitionRow {
  readonly pipeline: string
  readonly partition: string
  readonly state: PartitionState
  /** UTC, ISO 8601. */
  readonly at: string
  readonly run?: string
  readonly inputKey?: string
  readonly error?: string
}

/** How often a partition was tried. */
export interface AttemptRow {
  readonly pipeline: string
  readonly partition: string
  /** Since it was last done, this one included: 2 for a partition that was done at its second attempt. One that a person stopped does not count, one that was killed does. */
  readonly attempts: number
  /** The run that has begun it and not said that it ended: it is at work, or was killed. Whether it lives, its workspace's lock knows. */
  readonly run?: string
  /** Since when, UTC, ISO 8601. */
  readonly since?: string
}

/** What is remembered of one stage's work on one dataset of a partition: the figures are those of the last time that there was something to do. */
export interface CellRow {
  readonly pipeline: string
  readonly partition: string
  readonly stage: string
  readonly dataset: string
  /** Table or path; '' for stages that have none. */
  readonly target: string
  /** Of the last step that ended by itself: a stopped one changes nothing. */
  readonly outcome: string
  /** UTC, ISO 8601. */
  readonly at: string
  readonly run: string
  /** Steps that it took to come to `outcome`: 2 for one that failed once. */
  readonly attempts: number
  readonly error?: string
  readonly inputKey?: string
  readonly rows?: number
  readonly bytes?: number
  readonly ms?: number
  readonly inputRows?: number
  readonly inputBytes?: number
  readonly peakBytes?: number
  readonly spilledBytes?: number
}

export interface RunRow {
  readonly run: string
  readonly pipeline: string
  readonly profile: string
  readonly startedAt: string
  /** Absent while it runs, and for a run that was killed. */
  readonly endedAt?: string
  readonly outcome?: string
  readonly exitCode?: number
  readonly forecast?: RunForecast
  readonly versions: Readonly<Record<string, string>>
}

/** What commit points and run records say, to fill an empty ledger with. */
export interface LedgerFacts {
  readonly runs: readonly RunRow[]
  /** What came of partitions, in the order in which it came. */
  readonly ended: readonly PartitionEnded[]
  /** How partitions stand now, whatever has come of them before. */
  readonly partitions: readonly PartitionRow[]
}
