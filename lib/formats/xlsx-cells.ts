import { quoteLiteral } from '../core/quote.ts'
import type { ColumnType } from '../engines/types.ts'
import { csvValue } from './csv-values.ts'
import { isBigNumber } from './json-values.ts'

/** What a cell of a column is to Excel. `text` has everything that Excel has no type for, as CSV has it. */
export type CellKind = 'boolean' | 'number' | 'date' | 'time' | 'timestamp' | 'text'

/** What a contract says about values in Excel. */
export interface CellFormats {
  /** Zone in which timestamptz is written: the session's TimeZone is the same. */
  readonly zone: string
  readonly bigNumbers: 'number' | 'text' | undefined
}

export function cellKind(type: ColumnType, { bigNumbers }: Pick<CellFormats, 'bigNumbers'>): CellKind {
  switch (type.name) {
    case 'boolean':
    case 'date':
    case 'time':
      return type.name
    case 'timestamp':
    case 'timestamptz':
      return 'timestamp'
    case 'float32':
    case 'float64':
    case 'decimal':
      return bigNumbers === 'text' && isBigNumber(type) ? 'text' : 'number'
    default:
      return /^u?int\d/.test(type.name) && !(bigNumbers === 'text' && isBigNumber(type)) ? 'number' : 'text'
  }
}

/** `A`, `Z`, `AA`: the name of a column, from 0 on. */
export function columnName(index: number): string {
  return index < 26 ? String.fromCharCode(65 + index) : columnName(Math.floor(index / 26) - 1) + columnName(index % 26)
}

/** SQL of a cell's XML; `row` is the SQL of the row's number, `style` the number of its cell format. NULL is a cell without content. */
export function cellXml(
  value: string,
  type: ColumnType,
  at: { readonly column: string; readonly row: string; readonly style: number },
  formats: CellFormats,
): string {
  const open = `'<c r="${at.column}' || ${at.row} || '"`
  const style = at.style === 0 ? '' : ` s="${at.style}"`
  const kind = cellKind(type, formats)
  const content =
    kind === 'text'
      ? `'${style} t="inlineStr"><is><t xml:space="preserve">' || ${xmlText(plainText(value, type, formats))} || '</t></is></c>'`
      : `'${style}${kind === 'boolean' ? ' t="b"' : ''}><v>' || ${cellNumber(value, kind)} || '</v></c>'`
  return `${open}' || coalesce(${content}, '/>')`
}

/** SQL of the text of a value that is text in Excel. */
export function plainText(value: string, type: ColumnType, { zone }: CellFormats): string {
  return `CAST(${csvValue(value, type, { dateFormat: undefined, timestampFormat: undefined, booleans: ['true', 'false'], decimalPoint: '.', zone })} AS VARCHAR)`
}

/** Excel counts days from 30 December 1899 on, and parts of a day. */
function cellNumber(value: string, kind: Exclude<CellKind, 'text'>): string {
  switch (kind) {
    case 'boolean':
      return `CAST(CAST(${value} AS TINYINT) AS VARCHAR)`
    case 'date':
      return `CAST(CAST(${value} AS DATE) - DATE '1899-12-30' AS VARCHAR)`
    case 'time':
      return `CAST(CAST(epoch_ms(${value}) AS DOUBLE) / 86400000 AS VARCHAR)`
    case 'timestamp':
      return `CAST(CAST(epoch_ms(CAST(${value} AS TIMESTAMP)) AS DOUBLE) / 86400000 + 25569 AS VARCHAR)`
    case 'number':
      return `CAST(${value} AS VARCHAR)`
  }
}

/** What looks like one of Excel's own escapes, `_x0041_`, is escaped itself. */
function xmlText(text: string): string {
  const plain = `CASE WHEN regexp_matches(${text}, '_x[0-9A-Fa-f]{4}_') THEN replace(${text}, '_x', '_x005F_x') ELSE ${text} END`
  const pairs = [
    ['&', '&amp;'],
    ['<', '&lt;'],
    ['>', '&gt;'],
    ['\t', '&#9;'],
    ['\n', '&#10;'],
    ['\r', '&#13;'],
  ] as const
  return pairs.reduce(
    (sql, [char, entity]) => `replace(${sql}, ${char < ' ' ? `chr(${char.charCodeAt(0)})` : quoteLiteral(char)}, ${quoteLiteral(entity)})`,
    plain,
  )
}
