import type { LazyDataFrame } from 'nodejs-polars'
import { loadPolars, type Polars, scanParquet, sinkParquet } from './polars.ts'

/** Rows that are read at a time: four row groups of DuckDB's. */
export const PART_ROWS = 4 * 122_880

/**
 * Reads a Parquet file with Polars into new Parquet files `<into>.1.parquet`, `<into>.2.parquet`, …, which it gives in order. Memory is bounded by the rows of a part: in one go Polars reads ahead of what it writes (of 6 M rows × 16 columns it held 390 to
 * 490 MB, of 24 M 960; so 160 of any number, in the same time).
 */
export async function readParquetInParts(file: string, into: string, partRows = PART_ROWS): Promise<readonly string[]> {
  const pl = await loadPolars()
  return inParts(pl, scanParquet(pl, [file]), into, partRows)
}

/** The same of an Arrow IPC file that we wrote. `file` must end in `.ipc`: Polars takes a path of another ending as data. */
export async function readArrowInParts(file: string, into: string, partRows = PART_ROWS): Promise<readonly string[]> {
  const pl = await loadPolars()
  return inParts(pl, pl.scanIPC(file), into, partRows)
}

async function inParts(pl: Polars, scan: LazyDataFrame, into: string, partRows: number): Promise<readonly string[]> {
  const rows = Number((await scan.select(pl.len()).collect()).getColumn('len').get(0))
  const files: string[] = []
  // One file at least: it has the columns.
  for (let at = 0; at === 0 || at < rows; at += partRows) {
    const file = `${into}.${files.length + 1}.parquet`
    await sinkParquet(scan.slice(at, partRows), file)
    files.push(file)
  }
  return files
}
