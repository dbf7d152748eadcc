import type { Columns } from '../core/dataset.ts'
import { quoteList, quoteLiteral } from '../core/quote.ts'
import { duckdbType, parseType, typeText } from '../engines/types.ts'
import { type Dialect, duckdbCompression } from './dialect.ts'
import { textual } from './strict.ts'

/** The types as which JSON values are read: text, in lists and structs of the declared shape. */
export function jsonTypes(columns: Columns): Columns {
  return Object.fromEntries(Object.entries(columns).map(([name, type]) => [name, typeText(textual(parseType(type)))]))
}

/** The DuckDB type of a column as its sniffer of JSON tells it, but without HUGEINT: that is what it says of whole numbers of both signs. */
export function sniffedJsonType(duck: string): string {
  return duck.replace(/\bHUGEINT\b/g, 'BIGINT')
}

/** DuckDB's read_json of an array of objects, or of one object a line. Keys that are not declared are not read; a missing key is NULL. */
export function readJson(files: readonly string[], raw: Columns, { format, compression }: Dialect, more: readonly string[] = []): string {
  const types = Object.entries(raw).map(([name, type]) => `${quoteLiteral(name)}: ${quoteLiteral(duckdbType(parseType(type)))}`)
  const options = [
    'auto_detect = false',
    `format = '${format === 'ndjson' ? 'newline_delimited' : 'array'}'`,
    `records = 'true'`,
    'ignore_errors = false',
    `compression = ${quoteLiteral(duckdbCompression(compression))}`,
    `columns = {${types.join(', ')}}`,
    ...more,
  ]
  return `read_json(${quoteList(files)}, ${options.join(', ')})`
}
