import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { quoteLiteral } from '../lib/core/quote.ts'
import type { DuckDB } from '../lib/engines/duckdb.ts'
import type { Expected } from './larger-data.ts'

/** Holds the warehouse's table and both delivered files against the generator. @throws Error naming the first figure that differs */
export async function verifyLarger(db: DuckDB, work: string, expected: Expected): Promise<readonly string[]> {
  await db.run(`ATTACH ${quoteLiteral(join(work, 'warehouse.duckdb'))} AS warehouse (READ_ONLY)`)
  const groups = 'sum(lines) AS lines, sum(quantity) AS quantity, sum(amount) AS amount, sum(o_custkey * lines) AS customers'
  const [table] = await db.meta(`SELECT count(*) AS rows, ${groups} FROM warehouse.quarterly`)
  const [keys] = await db.meta('SELECT count(*) AS n FROM (SELECT DISTINCT o_custkey, quarter FROM warehouse.quarterly)')
  await db.run('DETACH warehouse')
  const quarterly = csv(newest(work, 'quarterly'), {
    ...{ o_custkey: 'BIGINT', quarter: 'DATE', lines: 'BIGINT', quantity: 'DECIMAL(18,2)', amount: 'DECIMAL(18,2)' },
  })
  const [delivered] = await db.meta(
    `SELECT count(*) AS rows, ${groups}, ${OUT_OF_ORDER} FROM ${beside(quarterly, ['o_custkey', 'quarter'])}`,
  )
  const priced = csv(newest(work, 'priced'), {
    ...{ l_orderkey: 'BIGINT', l_linenumber: 'INTEGER', o_custkey: 'BIGINT', l_shipdate: 'DATE', l_extendedprice: 'DECIMAL(15,2)' },
  })
  const [lines] = await db.meta(
    `SELECT count(*) AS rows, sum(l_orderkey) AS keys, sum(o_custkey) AS customers, sum(l_extendedprice) AS amount, ${OUT_OF_ORDER}
     FROM ${beside(priced, ['l_orderkey', 'l_linenumber'])}`,
  )
  const { rows, quantity, amount, orderKeys, customers } = expected
  for (const [what, found, wanted] of [
    ['lines in the table', table?.lines, rows],
    ['quantity in the table', table?.quantity, quantity],
    ['amount in the table', table?.amount, amount],
    ['customers of the table', table?.customers, customers],
    ['distinct keys of the table', keys?.n, table?.rows],
    ['rows of quarterly.csv', delivered?.rows, table?.rows],
    ['lines in quarterly.csv', delivered?.lines, rows],
    ['amount in quarterly.csv', delivered?.amount, amount],
    ['customers of quarterly.csv', delivered?.customers, customers],
    ['rows of quarterly.csv out of order', delivered?.unordered, 0],
    ['rows of priced.csv', lines?.rows, rows],
    ['order keys of priced.csv', lines?.keys, orderKeys],
    ['customers of priced.csv', lines?.customers, customers],
    ['amount in priced.csv', lines?.amount, amount],
    ['rows of priced.csv out of order', lines?.unordered, 0],
  ] as const)
    if (String(found) !== String(wanted)) throw new Error(`${what}: ${found}, and the generator says ${wanted}`)
  return [
    `merged: ${table?.rows} groups of ${rows} rows, one for each key; lines, quantity, amount and customers as generated`,
    `delivered: quarterly.csv with ${delivered?.rows} rows, priced.csv with ${lines?.rows}, both in order; sums as generated`,
  ]
}

/** The file that the delivery's pointer names by its manifest. */
function newest(work: string, name: string): string {
  const json = (key: string): unknown => JSON.parse(readFileSync(join(work, 'export', key), 'utf8'))
  const { manifest } = json(`${name}/latest.json`) as { readonly manifest: string }
  const { files } = json(manifest) as { readonly files: readonly { readonly key: string }[] }
  return join(work, 'export', files[0]?.key ?? '')
}

function csv(file: string, columns: Readonly<Record<string, string>>): string {
  const types = Object.entries(columns).map(([name, type]) => `${name}: '${type}'`)
  return `read_csv(${quoteLiteral(file)}, header = true, auto_detect = false, columns = {${types.join(', ')}})`
}

/** Each row with the key of the one before: a streaming window, which sees the rows as the file has them. */
function beside(relation: string, key: readonly string[]): string {
  return `(SELECT *, (${key.join(', ')}) AS this_key, lag(this_key) OVER () AS key_before FROM ${relation})`
}

const OUT_OF_ORDER = 'count(*) FILTER (WHERE key_before >= this_key) AS unordered'
