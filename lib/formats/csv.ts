import { CheckError } from '../core/errors.ts'
import { quoteList, quoteLiteral } from '../core/quote.ts'
import { type Dialect, duckdbCompression } from './dialect.ts'

// DuckDB refuses a longer line; its buffer is 16 times that, for each thread.
const MAX_LINE_BYTES = 8 * 2 ** 20

/** DuckDB's read_csv of files that have the same number of columns, every one text under the name `c0`, `c1`, …: nothing is sniffed. */
export function readCsv(files: readonly string[], columns: number, { compression, csv }: Dialect, more: readonly string[] = []): string {
  const types = Array.from({ length: columns }, (_, i) => `'c${i}': 'VARCHAR'`)
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
      })
    if (header.indexOf(column, at + 1) >= 0) throw new CheckError(`${place.file} has column "${column}" twice`, { ...place, column })
    return at
  })
}
