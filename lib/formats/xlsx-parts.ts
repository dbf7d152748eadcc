import type { CellKind } from './xlsx-cells.ts'
import { columnName } from './xlsx-cells.ts'

/** A column of the sheet. */
export interface SheetColumn {
  readonly name: string
  readonly kind: CellKind
  /** Decimal places that are always shown; undefined: as many as there are. */
  readonly places: number | undefined
}

const XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
const MAIN = 'http://schemas.openxmlformats.org/spreadsheetml/2006/main'
const OFFICE = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships'
const PACKAGE = 'http://schemas.openxmlformats.org/package/2006'

export const SHEET = 'xl/worksheets/sheet1.xml'

/** The parts of a workbook of one sheet, but the sheet (ECMA-376, part 1). Nothing in them says who made it, or when. */
export function workbookParts(sheet: string, columns: readonly SheetColumn[]): Readonly<Record<string, string>> {
  const types = 'application/vnd.openxmlformats-officedocument.spreadsheetml'
  const override = (part: string, type: string) => `<Override PartName="/${part}" ContentType="${types}.${type}+xml"/>`
  const relation = (id: string, type: string, target: string) => `<Relationship Id="${id}" Type="${OFFICE}/${type}" Target="${target}"/>`
  const relations = (...all: readonly string[]) => `${XML}<Relationships xmlns="${PACKAGE}/relationships">${all.join('')}</Relationships>`
  return {
    '[Content_Types].xml': `${XML}<Types xmlns="${PACKAGE}/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>${override('xl/workbook.xml', 'sheet.main')}${override('xl/styles.xml', 'styles')}${override(SHEET, 'worksheet')}</Types>`,
    '_rels/.rels': relations(relation('rId1', 'officeDocument', 'xl/workbook.xml')),
    'xl/_rels/workbook.xml.rels': relations(
      relation('rId1', 'worksheet', 'worksheets/sheet1.xml'),
      relation('rId2', 'styles', 'styles.xml'),
    ),
    'xl/workbook.xml': `${XML}<workbook xmlns="${MAIN}" xmlns:r="${OFFICE}"><sheets><sheet name="${escaped(sheet)}" sheetId="1" r:id="rId1"/></sheets></workbook>`,
    'xl/styles.xml': styles(columns),
  }
}

/** What stands before the rows, with the header, and after them. A row is a line. */
export function sheetFrame(columns: readonly SheetColumn[]): { readonly head: string; readonly tail: string } {
  const widths = columns.map(({ kind }, i) => `<col min="${i + 1}" max="${i + 1}" width="${WIDTHS[kind]}" customWidth="1"/>`)
  const header = columns.map(
    ({ name }, i) => `<c r="${columnName(i)}1" t="inlineStr"><is><t xml:space="preserve">${escaped(name)}</t></is></c>`,
  )
  return {
    head: `${XML}<worksheet xmlns="${MAIN}"><cols>${widths.join('')}</cols><sheetData>\n<row r="1">${header.join('')}</row>\n`,
    tail: '</sheetData></worksheet>\n',
  }
}

/** In characters: a date that is wider than its column is shown as `####`. */
const WIDTHS: Readonly<Record<CellKind, number>> = { boolean: 8, number: 12, date: 11, time: 13, timestamp: 24, text: 20 }

/** The number of each column's cell format. */
export function styleNumbers(columns: readonly SheetColumn[]): readonly number[] {
  const codes = formatCodes(columns)
  return columns.map((column) => codes.indexOf(formatCode(column)))
}

function styles(columns: readonly SheetColumn[]): string {
  const [, ...codes] = formatCodes(columns)
  const formats = codes.map((code, i) => `<numFmt numFmtId="${164 + i}" formatCode="${escaped(code)}"/>`)
  const cells = [
    '<xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>',
    ...codes.map((_, i) => `<xf numFmtId="${164 + i}" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>`),
  ]
  return [
    `${XML}<styleSheet xmlns="${MAIN}">`,
    ...(codes.length === 0 ? [] : [`<numFmts count="${codes.length}">${formats.join('')}</numFmts>`]),
    '<fonts count="1"><font><sz val="11"/><name val="Calibri"/></font></fonts>',
    '<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills>',
    '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>',
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>',
    `<cellXfs count="${cells.length}">${cells.join('')}</cellXfs>`,
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>',
  ].join('')
}

/** Each once, Excel's general one first. */
function formatCodes(columns: readonly SheetColumn[]): readonly string[] {
  return [...new Set(['General', ...columns.map(formatCode)])]
}

function formatCode({ kind, places }: SheetColumn): string {
  if (kind === 'date') return 'yyyy-mm-dd'
  if (kind === 'time') return 'hh:mm:ss.000'
  if (kind === 'timestamp') return 'yyyy-mm-dd hh:mm:ss.000'
  if (kind !== 'number' || places === undefined) return 'General'
  return places === 0 ? '0' : `0.${'0'.repeat(places)}`
}

function escaped(text: string): string {
  const plain = /_x[0-9A-Fa-f]{4}_/.test(text) ? text.replaceAll('_x', '_x005F_x') : text
  return plain.replace(/[&<>"\t\n\r]/g, (char) => `&#${char.charCodeAt(0)};`)
}
