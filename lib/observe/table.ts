import { displayWidth, pad, truncate, visible } from './width.ts'

/** A column of a printed table. */
export interface TableColumn {
  readonly name: string
  readonly align?: 'left' | 'right'
  /** A second heading line under the name: its type. */
  readonly note?: string
}

export interface TableOptions {
  /** Cells beyond this many characters are cut. Default 60. */
  readonly maxCell?: number
  /** What stands before each line. */
  readonly indent?: string
  /** Cells of a line: those of the last column are cut to what is left of it, and to 12 where less is. */
  readonly width?: number
}

/** A value of a table: null is printed as `null`, and text that could be mistaken for it, or not be seen ('' and blanks at its ends), in quotes. */
export type Cell = string | null

/** Lines of aligned columns under their names and a rule, no line with blanks at its end. Control characters are escaped, so that data can neither break a line nor steer the terminal. */
export function table(columns: readonly TableColumn[], rows: readonly (readonly Cell[])[], options: TableOptions = {}): string {
  const { maxCell = 60, indent = '', width = Number.POSITIVE_INFINITY } = options
  const notes = columns.some((column) => column.note !== undefined)
  const body = rows.map((row) => columns.map((_, i) => truncate(cellText(row[i] ?? null), maxCell)))
  const heads = [columns.map(({ name }) => visible(name)), ...(notes ? [columns.map(({ note }) => note ?? '')] : [])]
  const widest = columns.map((_, i) => Math.max(...[...heads, ...body].map((line) => displayWidth(line[i] ?? ''))))
  const room = Math.max(12, width - indent.length - widest.slice(0, -1).reduce((sum, each) => sum + each + 2, 0))
  const widths = [...widest.slice(0, -1), Math.min(widest.at(-1) ?? 0, room)]
  const line = (cells: readonly string[]) =>
    `${indent}${cells.map((cell, i) => pad(truncate(cell, widths[i] ?? 0), widths[i] ?? 0, columns[i]?.align)).join('  ')}`.trimEnd()
  return [...heads.map(line), line(widths.map((width) => '─'.repeat(width))), ...body.map(line)].join('\n')
}

/** Lines of aligned cells without headings; '' stays empty. */
export function columnsOf(rows: readonly (readonly string[])[], aligns: readonly ('left' | 'right')[] = [], indent = ''): string {
  const count = Math.max(0, ...rows.map((row) => row.length))
  const widths = Array.from({ length: count }, (_, i) => Math.max(0, ...rows.map((row) => displayWidth(row[i] ?? ''))))
  return rows
    .map((row) => `${indent}${row.map((cell, i) => pad(visible(cell), widths[i] ?? 0, aligns[i])).join('  ')}`.trimEnd())
    .join('\n')
}

const NUMERIC = /^(u?int(8|16|32|64)|float(32|64)|decimal\(.*\))$/

/** Columns of a dataset for `table`: numbers to the right, each with its type. */
export function datasetColumns(columns: Readonly<Record<string, string>>): TableColumn[] {
  return Object.entries(columns).map(([name, type]) => ({ name, note: type, align: NUMERIC.test(type) ? 'right' : 'left' }))
}

function cellText(value: Cell): string {
  if (value === null) return 'null'
  return value === '' || value === 'null' || /^\s|\s$|^'.*'$/.test(value) ? `'${visible(value)}'` : visible(value)
}
