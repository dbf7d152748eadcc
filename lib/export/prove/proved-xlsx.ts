import { createReadStream, createWriteStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { createInflateRaw } from 'node:zlib'
import { quoteLiteral } from '../../core/quote.ts'
import { duckdbType, parseType } from '../../engines/types.ts'
import { cellKind, plainText } from '../../formats/xlsx-cells.ts'
import { SHEET } from '../../formats/xlsx-parts.ts'
import { zipPlaces } from '../../formats/zip-places.ts'
import type { ExcelContract } from '../contract/table-contract.ts'
import { typedValue } from '../write/typed-rows.ts'

/** The SQL of what a column's cell must come to, from that of the dataset's value: dates and times in milliseconds, what Excel has no type for as text. */
export function provedCell(value: string, name: string, contract: ExcelContract): string {
  const type = parseType(contract.columns[name] ?? 'text')
  switch (cellKind(type, contract)) {
    case 'text':
      return plainText(value, type, contract)
    case 'time':
      return `epoch_ms(${value})`
    case 'timestamp':
      return `epoch_ms(CAST(${value} AS TIMESTAMP))`
    default:
      return typedValue(value, name, contract)
  }
}

/** SELECT of what a workbook's sheet holds, `v0`, `v1`, … and `n`, from its lines, which are unpacked into a file. */
export async function readSheetRows(file: string, lines: string, contract: ExcelContract): Promise<string> {
  const handle = await open(file)
  try {
    const { start, end } = (await zipPlaces(handle)).get(SHEET) ?? { start: 0, end: -1 }
    await pipeline(createReadStream(file, { start, end: end - 1 }), createInflateRaw(), createWriteStream(lines))
  } finally {
    await handle.close()
  }
  const values = Object.entries(contract.columns).map(([, text], i) => `${cellValue(`cells[${i + 2}]`, text, contract)} AS v${i}`)
  const source = `read_csv(${quoteLiteral(lines)}, auto_detect = false, header = false, delim = ${quoteLiteral('\x01')}, quote = '', escape = '', columns = {line: 'VARCHAR'}, max_line_size = 16777216, buffer_size = 33554432)`
  const rows = `SELECT string_split(line, '<c ') AS cells, CAST(regexp_extract(line, '^<row r="(\\d+)"', 1) AS BIGINT) - 1 AS n FROM ${source} WHERE starts_with(line, '<row r="') AND NOT starts_with(line, '<row r="1"')`
  return `SELECT ${values.join(', ')}, n FROM (${rows})`
}

function cellValue(cell: string, text: string, contract: ExcelContract): string {
  const type = parseType(text)
  const kind = cellKind(type, contract)
  const inside = (pattern: string) => `CASE WHEN NOT contains(${cell}, '"/>') THEN regexp_extract(${cell}, ${quoteLiteral(pattern)}, 1) END`
  if (kind === 'text') return unescaped(inside('<t xml:space="preserve">([^<]*)</t>'))
  const number = inside('<v>([^<]*)</v>')
  switch (kind) {
    case 'boolean':
      return `(${number}) = '1'`
    case 'date':
      return `DATE '1899-12-30' + CAST(${number} AS INTEGER)`
    case 'time':
      return `CAST(round(CAST(${number} AS DOUBLE) * 86400000) AS BIGINT)`
    case 'timestamp':
      return `CAST(round((CAST(${number} AS DOUBLE) - 25569) * 86400000) AS BIGINT)`
    default:
      return `CAST(${number} AS ${duckdbType(type)})`
  }
}

function unescaped(xml: string): string {
  const pairs = [
    ['&#9;', 'chr(9)'],
    ['&#10;', 'chr(10)'],
    ['&#13;', 'chr(13)'],
    ['&gt;', "'>'"],
    ['&lt;', "'<'"],
    ['&amp;', "'&'"],
    ['_x005F_', "'_'"],
  ] as const
  return pairs.reduce((sql, [entity, char]) => `replace(${sql}, '${entity}', ${char})`, xml)
}
