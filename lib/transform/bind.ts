import type { DuckDB } from '../engines/duckdb.ts'
import type { BindInput, Bound } from './bound.ts'

/**
 * Binds a pipeline's steps on zero rows: without data, without a connection, in milliseconds. Each SQL step is described by DuckDB over empty relations of its inputs'
 * declared types; each frame is called with lazy frames of empty Parquet files that DuckDB wrote, and DuckDB describes what Polars sinks: the road that data takes.
 * With `db` (any open engine) the datasets stay in it as zero-row views under their names, so that the caller can bind SQL of its own against them.
 * @throws ConfigError with stage, dataset and, where known, column in its place: unknown names, cycles, SQL that is not one SELECT or reads
 * anything but datasets, unknown parameters, frames that need data, results whose types cannot be carried or whose names clash.
 */
export async function bindSteps(_input: BindInput, _db?: DuckDB): Promise<Bound> {
  throw new Error('not yet')
}
