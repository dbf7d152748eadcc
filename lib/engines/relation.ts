import type { Columns } from '../core/dataset.ts'
import { quoteIdentifier, quoteList } from '../core/quote.ts'
import { type ColumnType, duckdbTypeFromText, parseType, type ScalarName, typeText } from './types.ts'

/**
 * SELECT over Parquet files that millrace wrote, each column of its declared type. Casting costs nothing where the file has that type; an interval is text in a
 * file, and a frame's text may stand for a uuid.
 */
export function relationOfFiles(columns: Columns, files: readonly string[]): string {
  return `SELECT ${casts(columns)} FROM read_parquet(${quoteList(files)}, hive_partitioning = false)`
}

/** SELECT with these columns and types, and no rows. */
export function emptyRelation(columns: Columns): string {
  const nulls = Object.entries(columns).map(([name, type]) => `CAST(NULL AS ${duckdbTypeFromText(type)}) AS ${quoteIdentifier(name)}`)
  return `SELECT ${nulls.join(', ')} WHERE false`
}

/** `CAST("a" AS T) AS "a", …` for a SELECT list. */
export function casts(columns: Columns): string {
  const each = Object.entries(columns).map(([name, type]) => [quoteIdentifier(name), duckdbTypeFromText(type)] as const)
  return each.map(([name, type]) => `CAST(${name} AS ${type}) AS ${name}`).join(', ')
}

/** The columns as a Parquet file has them: an interval as text, for Parquet's own has milliseconds (DuckDB 1.5.5 cuts microseconds off without a word). */
export function fileColumns(columns: Columns): Record<string, string> {
  return Object.fromEntries(
    Object.entries(columns).map(([name, type]) => [name, type.includes('interval') ? inFile(parseType(type)) : type]),
  )
}

function inFile(type: ColumnType): string {
  return typeText(mapScalars(type, (name) => (name === 'interval' ? 'text' : name)))
}

/** The type with each scalar inside it replaced. Decimals stay. */
export function mapScalars(type: ColumnType, replace: (name: ScalarName) => ScalarName): ColumnType {
  switch (type.name) {
    case 'decimal':
      return type
    case 'list':
      return { name: 'list', of: mapScalars(type.of, replace) }
    case 'struct':
      return { name: 'struct', fields: type.fields.map((field) => ({ name: field.name, type: mapScalars(field.type, replace) })) }
    default:
      return { name: replace(type.name) }
  }
}
