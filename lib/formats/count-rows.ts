import { quoteList } from '../core/quote.ts'
import { together } from '../core/together.ts'
import type { DuckDB } from '../engines/duckdb.ts'

/** How many rows a Parquet file has by its footer. */
export type CountRows = (file: string) => Promise<number>

const TOGETHER = 64

/** Counts by an engine; files that are asked for at the same time by one statement. */
export function rowCounter(db: Pick<DuckDB, 'meta'>): CountRows {
  return together(TOGETHER, async (files) => {
    const found = await db.meta(`SELECT file_name, num_rows FROM parquet_file_metadata(${quoteList(files)})`)
    const rows = new Map(found.map(({ file_name, num_rows }) => [file_name, Number(num_rows)]))
    return files.map((file) => rows.get(file) ?? 0)
  })
}
