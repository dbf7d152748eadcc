import type { Columns } from '../core/dataset.ts'
import type { FrameFunction, Sql, SqlValue, StepOptions } from './steps.ts'

/** What the transform stage must know of an extracted dataset before there is data. */
export interface ExtractedInput {
  readonly columns: Columns
  /** A `cursor` dataset adds `<name>.changes`, with the same columns. */
  readonly by: 'window' | 'cursor' | 'whole'
  /** The time column of a `window` dataset. */
  readonly window?: string
  /** Steps also see the time before the partition. */
  readonly lookback?: boolean
  /** It is read for each partition. Default: a `window` dataset is; so is one whose request names the partition. */
  readonly partitioned?: boolean
}

/** A step whose text is at hand: SQL with its text, or a frame. */
export type LoadedStep =
  | (Sql & { readonly text: string })
  | (StepOptions & { readonly engine: 'polars'; readonly frame: FrameFunction<string, Readonly<Record<string, Columns>>> })

/** A partition as steps see it: `$start` and `$end` (absent for partitions by key), `$partition`. */
export interface StepWindow {
  readonly start?: Date
  readonly end?: Date
  readonly partition?: string
}

/** What `bindSteps` is given. */
export interface BindInput {
  readonly extracted: Readonly<Record<string, ExtractedInput>>
  readonly steps: Readonly<Record<string, LoadedStep>>
  readonly parameters: Readonly<Record<string, SqlValue>>
  /** `time`: `$start`, `$end` and `$partition` can be asked for; `keys`: `$partition`; `none`: none of them. */
  readonly partitioned: 'time' | 'keys' | 'none'
  /** Datasets that are checked, loaded or exported: with a lookback behind them they need a `window` to be cut by. */
  readonly wanted: readonly string[]
  /** IANA zone of the partitions. Default UTC. */
  readonly zone?: string
}

/** One dataset of the bound DAG, extracted or computed. */
export interface BoundDataset {
  readonly name: string
  readonly engine: 'extract' | 'duckdb' | 'polars'
  readonly columns: Columns
  /** Datasets read directly, in the order met; `customer.changes` is one of its own. */
  readonly reads: readonly string[]
  /** Of each dataset read directly the columns that its result can depend on; of one that is not named here, all. */
  readonly columnsRead: Readonly<Record<string, readonly string[]>>
  /** Extracted datasets (and `.changes`) that it is computed from, directly or not, sorted; itself if extracted. */
  readonly inputs: readonly string[]
  /** Parameters that this step asks for: `start`, `end`, `partition` and names of the pipeline's own. */
  readonly parameters: readonly string[]
  /** It or something that it reads depends on the partition: a `window` dataset, or one of `$start`, `$end`, `$partition`. */
  readonly partitioned: boolean
  /** Something that it is computed from shows the time before the partition. */
  readonly lookback: boolean
  /** The time column by which it is cut to `[start, end)` where it is wanted. */
  readonly window?: string
  /** It is computed from some dataset's `.changes`. */
  readonly fromChanges: boolean
  /** Float columns that are sums or means of floats: their last digits depend on thread order, so an export's contract rounds them. */
  readonly floatAggregates: readonly string[]
  readonly keep: boolean
}

/** Something that plan says and that does not stop a run. */
export interface BindWarning {
  readonly dataset: string
  readonly column?: string
  readonly message: string
}

/** A DAG bound on zero rows: all that `transform` and the plan need to know. */
export interface Bound {
  readonly datasets: Readonly<Record<string, BoundDataset>>
  /** Steps in an order in which each comes after what it reads; extracted datasets are not among them. */
  readonly order: readonly string[]
  readonly warnings: readonly BindWarning[]
  readonly steps: Readonly<Record<string, LoadedStep>>
}

/** The dataset that a name read by a step stands for: `customer` for `customer.changes`. */
export function datasetOfName(name: string): string {
  return name.replace(/\.changes$/, '')
}
