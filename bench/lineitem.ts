import { mkdirSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { quoteLiteral } from '../lib/core/quote.ts'
import { openDuckDB } from '../lib/engines/duckdb.ts'

/** TPC-H's lineitem: 16 columns, 131 bytes a row as CSV. */
export const LINEITEM = {
  l_orderkey: 'int64',
  l_partkey: 'int64',
  l_suppkey: 'int64',
  l_linenumber: 'int32',
  l_quantity: 'decimal(15,2)',
  l_extendedprice: 'decimal(15,2)',
  l_discount: 'decimal(15,2)',
  l_tax: 'decimal(15,2)',
  l_returnflag: 'text',
  l_linestatus: 'text',
  l_shipdate: 'date',
  l_commitdate: 'date',
  l_receiptdate: 'date',
  l_shipinstruct: 'text',
  l_shipmode: 'text',
  l_comment: 'text',
} as const

const WORDS = [
  ...['carefully', 'quickly', 'furiously', 'slyly', 'blithely', 'ironic', 'final', 'special', 'regular', 'express', 'bold', 'even'],
  ...['deposits', 'requests', 'accounts', 'packages', 'theodolites', 'instructions', 'foxes', 'ideas', 'dolphins', 'sleep', 'haggle'],
  ...['nag', 'wake', 'cajole', 'above the', 'along the', 'among the'],
]

/** SELECT of `rows` rows in the order of their key (l_orderkey, l_linenumber). Every value is a function of the row's number, so that any machine makes the same file. */
export function lineitemSql(rows: number): string {
  const seed = 20_180_207
  const draw = (salt: number, below: number) => `(hash(i, ${seed + salt}) % ${below})::BIGINT`
  const pick = (salt: number, from: readonly string[]) => `([${from.map(quoteLiteral).join(', ')}])[1 + ${draw(salt, from.length)}]`
  const words = [10, 11, 12, 13, 18].map((salt) => pick(salt, WORDS)).join(", ' ', ")
  return `
    SELECT
      1 + i // 4 AS l_orderkey,
      partkey AS l_partkey,
      1 + (partkey + ${draw(2, 4)} * 2501) % 10000 AS l_suppkey,
      (1 + i % 4)::INTEGER AS l_linenumber,
      quantity::DECIMAL(15,2) AS l_quantity,
      (quantity * (90000 + partkey % 200001 // 10 + 100 * (partkey % 1000)) / 100)::DECIMAL(15,2) AS l_extendedprice,
      (${draw(4, 11)} / 100)::DECIMAL(15,2) AS l_discount,
      (${draw(5, 9)} / 100)::DECIMAL(15,2) AS l_tax,
      CASE WHEN received > DATE '1995-06-17' THEN 'N' WHEN ${draw(6, 2)} = 0 THEN 'R' ELSE 'A' END AS l_returnflag,
      CASE WHEN shipped > DATE '1995-06-17' THEN 'O' ELSE 'F' END AS l_linestatus,
      shipped AS l_shipdate,
      ordered + (30 + ${draw(7, 61)})::INTEGER AS l_commitdate,
      received AS l_receiptdate,
      ${pick(8, ['DELIVER IN PERSON', 'COLLECT COD', 'NONE', 'TAKE BACK RETURN'])} AS l_shipinstruct,
      ${pick(9, ['REG AIR', 'AIR', 'RAIL', 'SHIP', 'TRUCK', 'MAIL', 'FOB'])} AS l_shipmode,
      left(concat(${words}), (17 + ${draw(14, 34)})::INTEGER) AS l_comment
    FROM (
      SELECT i, 1 + ${draw(1, 200_000)} AS partkey, 1 + ${draw(3, 50)} AS quantity, ordered, shipped, shipped + (1 + ${draw(17, 30)})::INTEGER AS received
      FROM (
        SELECT i, ordered, ordered + (1 + ${draw(16, 121)})::INTEGER AS shipped
        FROM (SELECT i, DATE '1992-01-01' + ${draw(15, 2406)}::INTEGER AS ordered FROM range(${rows}) AS r(i))
      )
    )`
}

/** Makes `lineitem.csv` with so many rows in a folder of its own below `cache`, unless it is there. */
export async function lineitemCsv(
  cache: string,
  rows: number,
): Promise<{ readonly folder: string; readonly file: string; readonly bytes: number }> {
  const folder = join(cache, `lineitem-${rows}`)
  const file = join(folder, 'lineitem.csv')
  mkdirSync(folder, { recursive: true })
  if (!statSync(file, { throwIfNoEntry: false })) {
    const db = await openDuckDB({ memoryBytes: 2 ** 30, threads: 2, temp: join(folder, 'spill') })
    try {
      await db.run(`COPY (${lineitemSql(rows)}) TO ${quoteLiteral(`${file}.part`)} (FORMAT csv, HEADER)`)
    } finally {
      db.close()
    }
    renameSync(`${file}.part`, file)
  }
  return { folder, file, bytes: statSync(file).size }
}
