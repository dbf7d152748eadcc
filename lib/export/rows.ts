import type { Columns, Dataset } from '../core/dataset.ts'
import { CheckError } from '../core/errors.ts'
import { quoteIdentifier } from '../core/quote.ts'
import type { DuckDB } from '../engines/duckdb.ts'
import { relationOfFiles } from '../engines/relation.ts'
import { parseType } from '../engines/types.ts'
import { csvColumn } from '../formats/csv-values.ts'
import { orderColumns, orderSql } from './check-contract.ts'
import type { Contract } from './contract.ts'

/**
 * The SELECT of a delivery: the contract's columns as CSV text, rows in the contract's order. Values are sorted as what they are and turned to text above the
 * sort: a projection keeps its input's order.
 */
export function deliverySelect(dataset: Dataset, contract: Contract): string {
  const round: Readonly<Record<string, number | undefined>> = contract.round
  const texts = Object.entries(contract.columns).map(([name, type]) => csvColumn('t', name, parseType(type), contract, round[name]))
  return `SELECT ${texts.join(', ')} FROM (${relationOfFiles(contract.columns, dataset.files)} ORDER BY ${orderSql(contract)}) AS t`
}

/** Columns whose values are quoted always: that of a contract with one column, where an empty text would be a blank line. */
export function quotedColumns(contract: Contract): readonly string[] {
  const names = Object.keys(contract.columns)
  return names.length === 1 && contract.null !== '' ? names : []
}

/**
 * Holds that `orderBy` is a total order of the rows: no two have equal values in all its columns (NULL equals NULL). One scan of these columns: sorted, each row beside the one
 * before it, which costs a third of grouping by them.
 *
 * @throws CheckError with the number of such rows and the first one's values
 */
export async function checkTotalOrder(db: DuckDB, dataset: Dataset, contract: Contract, signal: AbortSignal): Promise<void> {
  const order = orderColumns(contract)
  const columns: Columns = Object.fromEntries(order.map(({ name }) => [name, contract.columns[name] ?? 'text']))
  const names = order.map(({ name }) => quoteIdentifier(name))
  const previous = names.map((name, i) => `lag(t.${name}) OVER () AS "lag ${i}"`)
  // The streaming window: rows come in the order of the sort below it.
  const beside = `SELECT t.*, row_number() OVER () AS "row number", ${previous.join(', ')} FROM (${relationOfFiles(columns, dataset.files)} ORDER BY ${orderSql(contract)}) AS t`
  const same = names.map((name, i) => `${name} IS NOT DISTINCT FROM "lag ${i}"`).join(' AND ')
  const sample = names.map((name, i) => `arg_min(coalesce(CAST(${name} AS VARCHAR), 'NULL'), "row number") AS "value ${i}"`)
  const [found] = await db.meta(
    `SELECT count(*) AS "n", ${sample.join(', ')} FROM (${beside}) WHERE "row number" > 1 AND ${same}`,
    undefined,
    signal,
  )
  const repeated = Number(found?.n ?? 0)
  if (repeated === 0) return
  const key = order.map(({ name }, i) => `${name}=${found?.[`value ${i}`]}`).join(' ')
  throw new CheckError(
    `orderBy (${contract.orderBy.join(', ')}) is no total order: ${repeated} of ${dataset.rows} rows repeat the one before, first ${key}`,
    {
      value: key.slice(0, 200),
      hint: 'add columns to orderBy until no two rows are equal in all of them',
    },
  )
}
