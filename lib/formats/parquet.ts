import { quoteList, quoteLiteral } from '../core/quote.ts'

const ROW_GROUP_ROWS = 122_880

/** COPY of a SELECT into one Parquet file, with the settings that every file of millrace has. */
export function copyStatement(select: string, path: string): string {
  return `COPY (${select}) TO ${quoteLiteral(path)} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE ${ROW_GROUP_ROWS})`
}

/** DuckDB's read_parquet of files with the same columns; folders named `a=b` mean nothing. */
export function readParquet(files: readonly string[], more: readonly string[] = []): string {
  return `read_parquet(${quoteList(files)}, hive_partitioning = false${more.map((option) => `, ${option}`).join('')})`
}
