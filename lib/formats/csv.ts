import { CheckError } from '../core/errors.ts'
import { quoteList, quoteLiteral } from '../core/quote.ts'
import type { PlainKind } from '../engines/plain-csv.ts'
import type { ColumnType } from '../engines/types.ts'
import { type Dialect, duckdbCompression } from './dialect.ts'

// DuckDB refuses a longer line. Its buffer would be 16 times that; 32 MiB is what it has by default.
const MAX_LINE_BYTES = 8 * 2 ** 20
const BUFFER_BYTES = 32 * 2 ** 20

/** What to do where a file has not the column that schema.ts wants. */
export const NO_COLUMN =
  'where the files are other ones now, millrace plan … --discover asks them; a column under another name: columns: { … }'

/** DuckDB's read_csv of files that have so many columns, all text, or columns of these DuckDB types, under the names `c0`, `c1`, …: nothing is sniffed. */
export function readCsv(
  files: readonly string[],
  columns: number | readonly string[],
  { compression, csv }: Dialect,
  more: readonly string[] = [],
): string {
  const read = typeof columns === 'number' ? Array.from({ length: columns }, () => 'VARCHAR') : columns
  const types = read.map((type, i) => `'c${i}': '${type}'`)
  const options = [
    'auto_detect = false',
    'strict_mode = true',
    'null_padding = false',
    'ignore_errors = false',
    `header = ${csv.header}`,
    `delim = ${quoteLiteral(csv.delimiter)}`,
    `quote = ${quoteLiteral(csv.quote)}`,
    `escape = ${quoteLiteral(csv.escape)}`,
    `nullstr = ${quoteList(csv.nulls)}`,
    'allow_quoted_nulls = false',
    `compression = ${quoteLiteral(duckdbCompression(compression))}`,
    `max_line_size = ${MAX_LINE_BYTES}`,
    `buffer_size = ${BUFFER_BYTES}`,
    `columns = {${types.join(', ')}}`,
    ...more,
  ]
  return `read_csv(${quoteList(files)}, ${options.join(', ')})`
}

/** Where each declared column stands in a file. @throws CheckError naming the file and the columns that are not there, or are there twice */
export function positionsOf(
  declared: readonly string[],
  header: readonly string[],
  hasHeader: boolean,
  place: { readonly dataset: string; readonly file: string },
): readonly number[] {
  if (!hasHeader) {
    if (declared.length > header.length)
      throw new CheckError(
        `${place.file} has ${header.length} ${header.length === 1 ? 'column' : 'columns'}, and ${declared.length} are declared`,
        place,
      )
    return declared.map((_, i) => i)
  }
  return declared.map((column) => {
    const at = header.indexOf(column)
    if (at < 0)
      throw new CheckError(`${place.file} has no column "${column}"; it has ${header.map((name) => `"${name}"`).join(', ')}`, {
        ...place,
        column,
        hint: NO_COLUMN,
      })
    if (header.indexOf(column, at + 1) >= 0) throw new CheckError(`${place.file} has column "${column}" twice`, { ...place, column })
    return at
  })
}

/**
 * The type as which a declared column may be read from a CSV file that has no number of more than 15 digits, so that a strict cast from it decides as exactly as one from text, in half the
 * time; `text` where there is none. Whole numbers and decimals come as doubles (a fraction shows, where DuckDB's own integers and decimals round), a date as timestamp (a time of day shows, where DuckDB's date
 * cuts off whatever follows).
 */
export function provenType(type: ColumnType): ColumnType {
  if (/^u?int/.test(type.name) || (type.name === 'decimal' && type.precision <= 15)) return { name: 'float64' }
  return { name: type.name === 'date' ? 'timestamp' : 'text' }
}

/**
 * What each field of a declared column has to be for DuckDB's own reader of that type to take it as it is: a strict cast from text makes the same of it. `any` where that reader is not asked: the column comes as
 * text then.
 */
export function plainKind(type: ColumnType): PlainKind {
  if (/^u?int/.test(type.name)) return { scale: 0 }
  if (type.name === 'decimal') return { scale: type.scale }
  // So many digits overflow nothing.
  if (type.name === 'float64' || type.name === 'float32') return { scale: 37 }
  return type.name === 'date' || type.name === 'timestamp' ? type.name : 'any'
}
