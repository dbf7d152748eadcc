import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { quoteLiteral } from '../lib/core/quote.ts'
import type { DuckDB } from '../lib/engines/duckdb.ts'
import { lineitemSql } from './lineitem.ts'

/** What both files must come to, whatever is done to them on the way. */
export interface Expected {
  readonly rows: string
  readonly quantity: string
  readonly amount: string
  /** Sums over all rows of lineitem: of the order's key, and of its customer's. */
  readonly orderKeys: string
  readonly customers: string
}

/** A folder with both files. */
export interface LargerData {
  readonly folder: string
  readonly csvBytes: number
}

/** One customer for eighty rows: twenty orders of four lines each. */
const ROWS_A_CUSTOMER = 80

/** Multiplies keys so that the orders of a customer lie far from each other; prime, and greater than any number of lines. */
const SPREAD = 7919

const customerOf = (key: string, of: number) => `1 + ${key} * ${SPREAD} % ${Math.max(1, Math.floor(of / ROWS_A_CUSTOMER))}`

/**
 * Makes `lineitem.csv` (131 bytes a row) with the first `rows` of `of` rows and `orders.csv` with their orders, a quarter as many, unless they are there. Every value is a function of
 * its row's number; the engine streams them.
 */
export async function largerData(db: DuckDB, cache: string, rows: number, of: number): Promise<LargerData> {
  const folder = join(cache, `larger-${rows}-of-${of}`)
  mkdirSync(folder, { recursive: true })
  const orders = `
    SELECT key AS o_orderkey, ${customerOf('key', of)} AS o_custkey, (['1-URGENT', '2-HIGH', '3-MEDIUM', '4-NOT SPECIFIED', '5-LOW'])[1 + key % 5] AS o_priority
    FROM (SELECT 1 + i AS key FROM range(${Math.ceil(rows / 4)}) AS r(i))`
  const files = { 'lineitem.csv': lineitemSql(rows), 'orders.csv': orders }
  let csvBytes = 0
  for (const [name, sql] of Object.entries(files)) {
    const file = join(folder, name)
    if (!statSync(file, { throwIfNoEntry: false })) {
      await db.run(`COPY (${sql}) TO ${quoteLiteral(`${file}.part`)} (FORMAT csv, HEADER)`)
      renameSync(`${file}.part`, file)
    }
    csvBytes += statSync(file).size
  }
  return { folder, csvBytes }
}

/** Counts and sums of the first `rows` of `of` rows from the generator's own formulas, kept beside the data; no file of it is read. */
export async function expectedOf(db: DuckDB, { folder }: LargerData, rows: number, of: number): Promise<Expected> {
  const file = join(folder, 'expected.json')
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8'))
  const [found] = await db.meta(
    `SELECT sum(l_quantity) AS quantity, sum(CAST(l_extendedprice * (1 - l_discount) AS DECIMAL(15,2))) AS amount, sum(${customerOf('l_orderkey', of)}) AS customers
     FROM (${lineitemSql(rows)})`,
  )
  const [n, whole] = [BigInt(rows), BigInt(Math.floor(rows / 4))]
  const expected: Expected = {
    rows: String(n),
    quantity: String(found?.quantity),
    amount: String(found?.amount),
    // Keys 1, 2, 3 … of four lines each, and what is left of the last one.
    orderKeys: String(2n * whole * (whole + 1n) + (n - 4n * whole) * (whole + 1n)),
    customers: String(found?.customers),
  }
  writeFileSync(file, JSON.stringify(expected))
  return expected
}
