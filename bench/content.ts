import { join } from 'node:path'
import { quoteIdentifier, quoteLiteral } from '../lib/core/quote.ts'
import { openDuckDB } from '../lib/engines/duckdb.ts'
import { LINEITEM } from './lineitem.ts'

/** Something with the columns of LINEITEM. */
export type Content =
  | { readonly kind: 'parquet' | 'csv'; readonly file: string }
  | { readonly kind: 'table'; readonly file: string; readonly table: string }

/** Compares two contents column by column, whatever the order of their rows: counts of values and of NULLs, and the sum of the values' hashes. Gives the rows. @throws Error naming the columns that differ */
export async function requireSameContent(what: string, ours: Content, bare: Content, temp: string): Promise<number> {
  const [a, b] = [await columnSums(ours, temp), await columnSums(bare, temp)]
  const differ = Object.keys(a).filter((key) => a[key] !== b[key])
  if (differ.length > 0)
    throw new Error(`${what}: millrace and the bare engine differ in ${differ.map((key) => `${key} (${a[key]}, ${b[key]})`).join(', ')}`)
  return Number(a.rows)
}

async function columnSums(content: Content, temp: string): Promise<Readonly<Record<string, string | null>>> {
  const relation =
    content.kind === 'table'
      ? quoteIdentifier(content.table)
      : content.kind === 'csv'
        ? `read_csv(${quoteLiteral(content.file)}, header = true, all_varchar = true, delim = ',', quote = '"')`
        : `read_parquet(${quoteLiteral(content.file)})`
  const sums = Object.keys(LINEITEM).map((name) => {
    const column = quoteIdentifier(name)
    return `concat_ws(' ', count(${column}), sum(hash(${column})), typeof(any_value(${column}))) AS ${column}`
  })
  const db = await openDuckDB({
    ...(content.kind === 'table' && { file: content.file, readOnly: true }),
    ...{ memoryBytes: 2 ** 30, threads: 2, temp: join(temp, 'spill') },
  })
  try {
    const [row] = await db.meta(`SELECT count(*) AS rows, ${sums.join(', ')} FROM ${relation}`)
    return row ?? {}
  } finally {
    db.close()
  }
}
