import type { Columns } from '../core/dataset.ts'
import type { DuckDB, SqlValues } from '../engines/duckdb.ts'
import type { Check } from './rules.ts'

export interface BindRequest {
  readonly dataset: string
  readonly rules: readonly Check<string, string, string, string>[]
  readonly columns: Columns
  /** Columns of the pipeline's other datasets, for `references`. */
  readonly others: Readonly<Record<string, Columns>>
  /** As in CheckRequest; any value of the right type will do. */
  readonly parameters: SqlValues
}

/**
 * Binds a dataset's rules on zero rows, at plan time. `db` is any engine at hand; nothing is left in it.
 * @throws ConfigError for the first rule that cannot run: an unknown column or dataset, a column of the wrong family, a pattern that RE2 refuses, an expression that DuckDB refuses
 */
export async function bindRules(_request: BindRequest, _db: DuckDB): Promise<void> {
  throw new Error('not built yet')
}
