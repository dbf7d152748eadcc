import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { Columns, Dataset } from '../../lib/core/dataset.ts'
import { hashOf } from '../../lib/core/hash.ts'
import { quoteIdentifier, quoteLiteral } from '../../lib/core/quote.ts'
import { type MetaRow, openDuckDB } from '../../lib/engines/duckdb.ts'
import { casts, mapScalars } from '../../lib/engines/relation.ts'
import { parseType, typeText } from '../../lib/engines/types.ts'
import { connectToTestEngine } from './engine.ts'

/** A Dataset in one Parquet file, as the road writes it (uuid, json and interval as text), in row groups of `groupRows` (a multiple of 2048): the columns of a SELECT, taken by name. */
export async function datasetOf(folder: string, name: string, columns: Columns, select: string, groupRows = 122_880): Promise<Dataset> {
  const file = join(folder, `${randomUUID()}.parquet`)
  const written = Object.fromEntries(Object.entries(columns).map(([column, type]) => [column, fileType(type)]))
  const db = await connectToTestEngine()
  try {
    await db.run(
      `COPY (SELECT ${casts(written)} FROM (SELECT ${casts(columns)} FROM (${select}))) TO ${quoteLiteral(file)} (FORMAT parquet, ROW_GROUP_SIZE ${groupRows})`,
    )
    const [row] = await db.meta(`SELECT count(*) AS n FROM read_parquet(${quoteLiteral(file)})`)
    return { name, columns, files: [file], rows: Number(row?.n), hash: hashOf({ name, select }) }
  } finally {
    db.close()
  }
}

function fileType(type: string): string {
  return typeText(mapScalars(parseType(type), (name) => (name === 'uuid' || name === 'json' || name === 'interval' ? 'text' : name)))
}

/** Rows of a query on a DuckDB file, read by an engine of its own, read-only. */
export async function queryFile(file: string, sql: string): Promise<readonly MetaRow[]> {
  const db = await openDuckDB({ file, readOnly: true, memoryBytes: 512 * 2 ** 20, threads: 2, temp: `${file}.query-tmp` })
  try {
    return await db.meta(sql)
  } finally {
    db.close()
  }
}

/** Drops a table of a DuckDB file as a person does. */
export async function dropTable(file: string, table: string): Promise<void> {
  const db = await openDuckDB({ file, memoryBytes: 512 * 2 ** 20, threads: 1, temp: `${file}.query-tmp` })
  try {
    await db.run(`DROP TABLE ${quoteIdentifier(table)}`)
  } finally {
    db.close()
  }
}
