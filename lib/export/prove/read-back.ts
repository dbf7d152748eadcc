import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { DuckDB } from '../../engines/duckdb.ts'
import { readArrowInParts, readParquetInParts } from '../../engines/polars-read.ts'
import type { FormatContract } from '../contract/export.ts'
import { readJsonLines } from './proved-json.ts'
import { readSheetRows } from './proved-xlsx.ts'
import { readStored, type StoredReader } from './read-stored.ts'
import { readParquetRows, readTable } from './read-table.ts'

/** What files of formats that have types are read back with. CSV needs nothing. */
export interface ReadingTools {
  readonly db: DuckDB
  /** A folder for copies of what is read, which whoever gave it takes away. */
  readonly folder: string
  readonly signal: AbortSignal
}

/** A reader of one file of a format that has types, by something else than what writes it. `before`: rows in the files before it. */
export function readTableBack(
  contract: Exclude<FormatContract, { readonly format: 'csv' }>,
  { db, folder, signal }: ReadingTools,
  before: number,
): StoredReader {
  const path = join(folder, randomUUID())
  const reader = (ending: string, read: (copy: string) => Promise<string>) =>
    readTable({ db, contract, signal, copy: `${path}${ending}`, read })
  switch (contract.format) {
    case 'ndjson':
      return reader('.ndjson', async (copy) => readJsonLines(copy, contract, before))
    case 'arrow':
      return reader('.ipc', async (copy) => readParquetRows(await readArrowInParts(copy, `${path}.read`), contract, before))
    case 'parquet':
      return reader('.parquet', async (copy) => readParquetRows(await readParquetInParts(copy, `${path}.read`), contract, before))
    case 'xlsx':
      return reader('.xlsx', (copy) => readSheetRows(copy, `${path}.lines`, contract))
  }
}

/** The same of any format. */
export function readBack(contract: FormatContract, tools: ReadingTools, before: number): StoredReader {
  return contract.format === 'csv' ? readStored(contract, before) : readTableBack(contract, tools, before)
}
