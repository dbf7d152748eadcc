import type { DuckDB } from '../../engines/duckdb.ts'
import type { FormatContract } from '../contract/export.ts'
import { orderColumns } from '../contract/order.ts'
import { orderSum } from '../prove/prove.ts'

/**
 * Where each row surely follows the one before it in the contract's order: the sum that says where each row stands (`orderSum`). undefined where it does not, or where a NULL leaves that open. One pass without a sort, a sixth of what a sort
 * of rows in order takes. `keys`: SELECT of the order's columns, `k0`, `k1`, …, in the order of the files.
 */
export async function sumInOrder(db: DuckDB, keys: string, contract: FormatContract, signal: AbortSignal): Promise<bigint | undefined> {
  const order = orderColumns(contract)
  const previous = order.map((_, i) => `lag(k${i}) OVER () AS p${i}`)
  const follows = order.reduceRight((rest, { descending }, i) => {
    const beyond = `k${i} ${descending ? '<' : '>'} p${i}`
    return rest === '' ? beyond : `(${beyond} OR (k${i} = p${i} AND ${rest}))`
  }, '')
  const stands = orderSum(
    order.map(({ name }, i) => ({ name, value: `k${i}` })),
    'n',
    contract,
  )
  const [found] = await db.meta(
    `SELECT count(*) FILTER (WHERE n > 1 AND NOT coalesce(${follows}, false)) AS others, ${stands} AS stands FROM (SELECT *, row_number() OVER () AS n, ${previous.join(', ')} FROM (${keys}))`,
    undefined,
    signal,
  )
  return found?.others === '0' ? BigInt(found.stands ?? 0) : undefined
}
