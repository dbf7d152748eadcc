import type { Dataset } from '../../core/dataset.ts'
import { CheckError } from '../../core/errors.ts'
import { quoteIdentifier, quoteLiteral } from '../../core/quote.ts'
import type { DuckDB } from '../../engines/duckdb.ts'
import { relationOfFiles } from '../../engines/relation.ts'
import { MOST_ROWS } from '../contract/check-sheet.ts'
import type { FormatContract } from '../contract/export.ts'
import { orderColumns } from '../contract/order.ts'
import { refusalsOf } from './refusals.ts'

/**
 * Holds what the contract says of single values: `notNull`, and what the format cannot hold or is not to. One scan of the columns in question; none where the contract says nothing of the kind.
 * @throws CheckError with how many rows are refused, the first one's order columns, its column and its value
 */
export async function checkValues(db: DuckDB, dataset: Dataset, contract: FormatContract, signal: AbortSignal): Promise<void> {
  if (contract.format === 'xlsx' && dataset.rows >= MOST_ROWS)
    throw new CheckError(`the dataset has ${dataset.rows} rows, and a sheet of Excel has ${MOST_ROWS} with the header`, {
      hint: 'deliver it in partitions, or in another format',
    })
  const refusals = refusalsOf(contract)
  if (refusals.length === 0) return
  const key = orderColumns(contract).map(
    ({ name }) => `${quoteLiteral(`${name}=`)} || coalesce(CAST(t.${quoteIdentifier(name)} AS VARCHAR), 'NULL')`,
  )
  const flags = refusals.flatMap(({ when, value }, i) => [`${when} AS c${i}`, `CASE WHEN ${when} THEN ${value} END AS v${i}`])
  const rows = `SELECT row_number() OVER () AS place, concat_ws(' ', ${key.join(', ')}) AS row_key, ${flags.join(', ')} FROM (${relationOfFiles(contract.columns, dataset.files)}) AS t`
  const found = refusals.flatMap((_, i) => [
    `count(*) FILTER (WHERE c${i}) AS n${i}`,
    `arg_min(row_key, place) FILTER (WHERE c${i}) AS k${i}`,
    `arg_min(v${i}, place) FILTER (WHERE c${i}) AS v${i}`,
  ])
  const [row] = await db.meta(`SELECT ${found.join(', ')} FROM (${rows})`, undefined, signal)
  for (const [i, { column, what, hint }] of refusals.entries()) {
    const count = Number(row?.[`n${i}`] ?? 0)
    if (count === 0) continue
    const value = row?.[`v${i}`] ?? undefined
    throw new CheckError(`"${column}" ${what} in ${count} of ${dataset.rows} rows, first in ${row?.[`k${i}`]?.slice(0, 200)}`, {
      column,
      ...(value !== undefined && { value: value.slice(0, 200) }),
      hint,
    })
  }
}
