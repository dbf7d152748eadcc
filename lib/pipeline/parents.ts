import type { RunContext } from '../core/context.ts'
import type { Dataset } from '../core/dataset.ts'
import { ConfigError } from '../core/errors.ts'
import { quoteIdentifier, quoteList } from '../core/quote.ts'
import type { DuckDB } from '../engines/duckdb.ts'
import type { Extract } from '../extract/source.ts'
import { type LandedTools, landedDataset } from './landed.ts'
import type { Partition } from './partitions.ts'

/** The distinct values that a child request takes from its parent's landed rows. */
export async function parentValues(
  tools: LandedTools,
  binder: DuckDB,
  { request }: Extract<string>,
  partition: Partition | undefined,
  ctx: RunContext,
): Promise<readonly string[] | undefined> {
  const each = 'each' in request ? request.each : undefined
  if (!each) return undefined
  const parent = await landedDataset(tools, each.parent, partition, ctx)
  return distinctValues(parent, each.column, binder)
}

const MOST_PARENTS = 10_000

/** The distinct values of a column, as text, NULL left out. A metadata read: each value is a request to come. @throws ConfigError beyond 10,000. */
async function distinctValues({ name, files }: Dataset, column: string, db: DuckDB): Promise<readonly string[]> {
  const value = quoteIdentifier(column)
  const rows = await db.meta(
    `SELECT DISTINCT CAST(${value} AS VARCHAR) AS value FROM read_parquet(${quoteList(files)}) WHERE ${value} IS NOT NULL ORDER BY value LIMIT ${MOST_PARENTS}`,
  )
  if (rows.length === MOST_PARENTS)
    throw new ConfigError(`parent "${name}" has ${MOST_PARENTS} values of "${column}" and more: a request for each is too many`)
  return rows.map((row) => row.value ?? '')
}
