import type { Limits } from '../core/context.ts'
import type { Columns } from '../core/dataset.ts'
import { ConfigError } from '../core/errors.ts'
import { quoteList } from '../core/quote.ts'
import type { DuckDB } from '../engines/duckdb.ts'
import { textFromDuckdbType } from '../engines/types.ts'

/**
 * Options of COPY. Reader and writer hold a whole row group for each thread: where there is little memory, groups are small (at 256 MB and 260 bytes a row, 122,880 rows
 * of DuckDB's default leave a sort no room).
 */
export function parquetOptions({ memoryBytes }: Pick<Limits, 'memoryBytes'>): string {
  return `(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE ${memoryBytes < 2 ** 30 ? 24_576 : 122_880})`
}

/** The columns that Parquet files really have; a type without a text under DuckDB's name. */
export async function columnsOfFiles(db: DuckDB, files: readonly string[]): Promise<Columns> {
  const described = await db.describe(`SELECT * FROM read_parquet(${quoteList(files)}, hive_partitioning = false)`)
  return Object.fromEntries(described.map(({ name, type }) => [name, textFromDuckdbType(type) ?? type]))
}

/** Equal names and types in equal order. */
export function sameColumns(a: Columns, b: Columns): boolean {
  return JSON.stringify(Object.entries(a)) === JSON.stringify(Object.entries(b))
}

/** Compares a result with what was bound. @throws ConfigError naming the first column that differs */
export function requireColumns(dataset: string, real: Columns, bound: Columns): void {
  const place = { stage: 'transform', dataset } as const
  for (const [column, type] of Object.entries(bound)) {
    const found = real[column]
    if (found === undefined)
      throw new ConfigError(`the result has no column "${column}", which plan found on zero rows`, { ...place, column })
    if (found !== type) throw new ConfigError(`column "${column}" is ${found}, but plan found ${type} on zero rows`, { ...place, column })
  }
  for (const column of Object.keys(real))
    if (!(column in bound))
      throw new ConfigError(`the result has a column "${column}", which plan did not find on zero rows`, { ...place, column })
}
