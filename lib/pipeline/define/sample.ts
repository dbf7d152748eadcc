import type { Dataset } from '../../core/dataset.ts'
import { ConfigError } from '../../core/errors.ts'
import { didYouMean } from '../../core/nearest.ts'
import { quoteIdentifier } from '../../core/quote.ts'
import type { DuckDB } from '../../engines/duckdb.ts'
import { relationOfFiles } from '../../engines/relation.ts'

export interface SampleOptions {
  /** Columns, a leading `-` means descending; NULLs come last. Absent: as the files have them. */
  readonly orderBy?: readonly string[]
  readonly rows: number
  readonly signal?: AbortSignal
}

/**
 * The first rows of a dataset as text for people, null for NULL, in the columns' order. Floats have ten significant digits, since the last ones of an aggregate depend on the order
 * in which threads came by.
 * @throws ConfigError for an `orderBy` of a column that is not there
 */
export async function sampleRows(db: DuckDB, { name, columns, files }: Dataset, options: SampleOptions): Promise<(string | null)[][]> {
  const names = Object.keys(columns)
  const texts = Object.entries(columns).map(([column, type], i) => `${textOf(`t.${quoteIdentifier(column)}`, type)} AS ${aliasOf(i)}`)
  const order = (options.orderBy ?? []).map((each) => {
    const descending = each.startsWith('-') && !names.includes(each)
    const column = descending ? each.slice(1) : each
    if (!names.includes(column))
      throw new ConfigError(`orderBy: "${name}" has no column "${column}"${didYouMean(column, names)}`, { dataset: name, column })
    return `t.${quoteIdentifier(column)} ${descending ? 'DESC' : 'ASC'} NULLS LAST`
  })
  const sql = `SELECT ${texts.join(', ')} FROM (${relationOfFiles(columns, files)}) AS t${order.length > 0 ? ` ORDER BY ${order.join(', ')}` : ''} LIMIT ${Math.trunc(options.rows)}`
  const rows = await db.meta(sql, undefined, options.signal)
  return rows.map((row) => names.map((_, i) => row[aliasOf(i)] ?? null))
}

const aliasOf = (index: number) => `c${index}`

function textOf(column: string, type: string): string {
  return /^float(32|64)$/.test(type) ? `format('{:.10g}', CAST(${column} AS DOUBLE))` : `CAST(${column} AS VARCHAR)`
}
