import type { RunContext } from '../core/context.ts'
import type { Dataset } from '../core/dataset.ts'
import type { Bound, StepWindow } from './bound.ts'
import type { SqlValue } from './steps.ts'

/** What `transform` computes, and from what. */
export interface TransformRequest {
  /** Extracted datasets by name, as steps see them; `customer.changes` where a wanted dataset is computed from it. */
  readonly inputs: Readonly<Record<string, Dataset>>
  /** Datasets to be written out: steps, or extracted ones (given back as they are, cut to the window if they have a lookback). */
  readonly wanted: readonly string[]
  readonly window: StepWindow
  readonly parameters: Readonly<Record<string, SqlValue>>
  /** IANA zone of the partitions. */
  readonly zone: string
}

/**
 * Computes the wanted datasets, each one Parquet file in the context's workspace, where they stay until the run's end. SQL steps that follow each other are one
 * statement, frames stay lazy; a dataset is written only where it is wanted, crosses engines or has several readers. Rows keep the order of a step's final ORDER BY; without one
 * it is unspecified. A Dataset's `hash` is that of its inputs' hashes, its code and its parameters. After a failure or an abort nothing is left in the workspace.
 * @throws CheckError when a value fits no bound type or a UDF throws, ConfigError when a result's columns are not the bound ones, PermanentError for disk full and memory.
 */
export async function transform(_bound: Bound, _request: TransformRequest, _ctx: RunContext): Promise<Record<string, Dataset>> {
  throw new Error('not yet')
}
