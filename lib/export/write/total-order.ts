import type { Columns, Dataset } from '../../core/dataset.ts'
import { CheckError } from '../../core/errors.ts'
import { quoteIdentifier } from '../../core/quote.ts'
import type { DuckDB } from '../../engines/duckdb.ts'
import { relationOfFiles } from '../../engines/relation.ts'
import type { FormatContract } from '../contract/export.ts'
import { direction, orderColumns } from '../contract/order.ts'
import { orderSum } from '../prove/prove.ts'
import { sumInOrder } from './strict-order.ts'

/**
 * Holds that `orderBy` is a total order of the rows: no two have equal values in all its columns (NULL equals NULL). Tells whether the files are in this order already, and gives the sum that says where each row
 * stands (`orderSum`). One scan of these columns where they are in order, else a second one: sorted, each row beside the one before it, which costs a third of grouping by them.
 *
 * @throws CheckError with the number of such rows and the first one's values
 */
export async function checkTotalOrder(
  db: DuckDB,
  dataset: Dataset,
  contract: FormatContract,
  signal: AbortSignal,
): Promise<{ readonly inOrder: boolean; readonly order: bigint }> {
  const order = orderColumns(contract)
  const columns: Columns = Object.fromEntries(order.map(({ name }) => [name, contract.columns[name] ?? 'text']))
  // The dataset's names stay inside: any of them may be `place`.
  const keys = order.map(({ name }, i) => `${quoteIdentifier(name)} AS k${i}`)
  const keyed = `SELECT ${keys.join(', ')} FROM (${relationOfFiles(columns, dataset.files)})`
  const inOrder = await sumInOrder(db, keyed, contract, signal)
  if (inOrder !== undefined) return { inOrder: true, order: inOrder }
  const sorted = order.map(({ descending }, i) => `k${i} ${direction(descending)}`)
  const previous = order.map((_, i) => `lag(k${i}) OVER () AS p${i}`)
  // Streaming windows: the inner one numbers the rows as the files have them, the outer one sees them as the sort gives them.
  const placed = `SELECT *, row_number() OVER () AS place FROM (${keyed})`
  const beside = `SELECT *, row_number() OVER () AS n, lag(place) OVER () AS lag_place, ${previous.join(', ')} FROM (${placed} ORDER BY ${sorted.join(', ')})`
  const same = `n > 1 AND ${order.map((_, i) => `k${i} IS NOT DISTINCT FROM p${i}`).join(' AND ')}`
  const sample = order.map((_, i) => `arg_min(coalesce(CAST(k${i} AS VARCHAR), 'NULL'), n) FILTER (WHERE ${same}) AS v${i}`)
  const stands = orderSum(
    order.map(({ name }, i) => ({ name, value: `k${i}` })),
    'n',
    contract,
  )
  const moved = 'count(*) FILTER (WHERE place < lag_place) AS moved'
  const [found] = await db.meta(
    `SELECT count(*) FILTER (WHERE ${same}) AS repeated, ${moved}, ${stands} AS stands, ${sample.join(', ')} FROM (${beside})`,
    undefined,
    signal,
  )
  const repeated = Number(found?.repeated ?? 0)
  if (repeated === 0) return { inOrder: found?.moved === '0', order: BigInt(found?.stands ?? 0) }
  const key = order.map(({ name }, i) => `${name}=${found?.[`v${i}`]}`).join(' ')
  throw new CheckError(
    `orderBy (${contract.orderBy.join(', ')}) is no total order: ${repeated} of ${dataset.rows} rows repeat the one before, first ${key}`,
    {
      value: key.slice(0, 200),
      hint: 'add columns to orderBy until no two rows are equal in all of them',
    },
  )
}
