import type { Columns } from '../../core/dataset.ts'
import { quoteIdentifier, quoteList, quoteLiteral } from '../../core/quote.ts'
import { duckdbTypeFromText } from '../../engines/types.ts'
import { positionsOf, readCsv } from '../../formats/csv.ts'
import { firstRecord } from '../../formats/csv-head.ts'
import { type Dialect, dialectOf } from '../../formats/dialect.ts'
import type { HttpRequest } from '../requests.ts'
import type { PageFile } from './pages.ts'

/** The column of a page's file, and of the row's number in it. */
export const FILE = '__file'
export const ROW = '__row'

const LARGEST_OBJECT = 16 * 2 ** 20

/** Two SELECTs of the same rows with their file as `__file`; `numbered` has the row's number in that file as `__row`, and costs more. */
export interface RowsSql {
  readonly plain: string
  readonly numbered: string
}

/** Reads the pages as text in the shape of `columns`. */
export async function rowsOfPages(files: readonly PageFile[], request: HttpRequest, columns: Columns, dataset: string): Promise<RowsSql> {
  if (request.format === 'csv') return csvRows(files, request, Object.keys(columns), dataset)
  const path = rowsPath(request)
  return path.length === 0 ? jsonRows(files, request, columns) : rowsAtPath(files, path, columns)
}

/** How the pages of a request are written. What was packed or not UTF-8 is neither any more in their files. */
export function dialectOfPages(request: HttpRequest): Dialect {
  const format = request.format ?? 'json'
  const written = { ...request.csv, format: format === 'csv' ? (request.csv?.format ?? 'csv') : format }
  return dialectOf('page', { ...written, compression: 'none', encoding: 'utf-8' })
}

/** Keys that lead to the array of rows; none where the body is the rows. */
export function rowsPath(request: HttpRequest): readonly string[] {
  return request.format === undefined || request.format === 'json' ? (request.rows?.split('.') ?? []) : []
}

/** What DuckDB must be able to hold at once: a page is one object where its rows stand inside of it. */
export function largestObject(files: readonly PageFile[]): number {
  return Math.max(LARGEST_OBJECT, ...files.map(({ bytes }) => bytes + 1024))
}

function jsonRows(files: readonly PageFile[], request: HttpRequest, columns: Columns): RowsSql {
  const types = Object.entries(orOne(columns)).map(([name, type]) => `${quoteLiteral(name)}: ${quoteLiteral(duckdbTypeFromText(type))}`)
  return numbering(listOf(columns), readJson(files, request.format === 'ndjson' ? 'newline_delimited' : 'array', types))
}

function rowsAtPath(files: readonly PageFile[], path: readonly string[], columns: Columns): RowsSql {
  const fields = Object.entries(orOne(columns)).map(([name, type]) => `${quoteIdentifier(name)} ${duckdbTypeFromText(type)}`)
  const [first = '', ...rest] = path
  const nested = rest.reduceRight((inner, key) => `STRUCT(${quoteIdentifier(key)} ${inner})`, `STRUCT(${fields.join(', ')})[]`)
  const source = readJson(files, 'unstructured', [`${quoteLiteral(first)}: ${quoteLiteral(nested)}`])
  const array = path.map(quoteIdentifier).join('.')
  const list = [...Object.keys(columns).map((name) => `__r.${quoteIdentifier(name)} AS ${quoteIdentifier(name)}`), FILE]
  const select = (more: readonly string[], number: string) =>
    `SELECT ${[...list, ...more].join(', ')} FROM (SELECT unnest(${array}) AS __r, ${FILE}${number} FROM ${source})`
  return { plain: select([], ''), numbered: select([ROW], `, generate_subscripts(${array}, 1) AS ${ROW}`) }
}

/** A page is one object where its rows stand inside of it: `unstructured` takes such a page whole. */
function readJson(files: readonly PageFile[], format: 'array' | 'newline_delimited' | 'unstructured', types: readonly string[]): string {
  const options = [
    'auto_detect = false',
    `format = '${format}'`,
    `records = 'true'`,
    'ignore_errors = false',
    `compression = 'uncompressed'`,
    `maximum_object_size = ${largestObject(files)}`,
    `filename = '${FILE}'`,
    `columns = {${types.join(', ')}}`,
  ]
  return `read_json(${quoteList(pathsOf(files))}, ${options.join(', ')})`
}

/** Pages with another order of columns are read on their own. */
async function csvRows(files: readonly PageFile[], request: HttpRequest, declared: readonly string[], dataset: string): Promise<RowsSql> {
  const dialect = dialectOfPages(request)
  const groups = new Map<string, { header: readonly string[]; files: PageFile[] }>()
  for (const page of files) {
    const header = (await firstRecord(page.file, 'none', dialect.csv)) ?? []
    const key = JSON.stringify(dialect.csv.header ? header : header.length)
    const group = groups.get(key) ?? { header, files: [] }
    groups.set(key, group)
    group.files.push(page)
  }
  const parts = [...groups.values()].map((group) => {
    const positions = positionsOf(declared, group.header, dialect.csv.header, { dataset, file: group.files[0]?.url ?? '' })
    const source = readCsv(pathsOf(group.files), group.header.length, dialect, [`filename = '${FILE}'`])
    return numbering(declared.map((name, i) => `c${positions[i]} AS ${quoteIdentifier(name)}, `).join(''), source)
  })
  const all = (sql: (part: RowsSql) => string) => parts.map((part) => `(${sql(part)})`).join(' UNION ALL ')
  return { plain: all((part) => part.plain), numbered: all((part) => part.numbered) }
}

/** Numbers rows in the order of the scan, which keeps the order of files and of rows in them. */
function numbering(list: string, source: string): RowsSql {
  const numbered = `SELECT ${list}${FILE}, row_number() OVER () AS ${ROW} FROM ${source}`
  return {
    plain: `SELECT ${list}${FILE} FROM ${source}`,
    numbered: `SELECT * REPLACE (${ROW} - min(${ROW}) OVER (PARTITION BY ${FILE}) + 1 AS ${ROW}) FROM (${numbered})`,
  }
}

function listOf(columns: Columns): string {
  return Object.keys(columns)
    .map((name) => `${quoteIdentifier(name)}, `)
    .join('')
}

/** DuckDB takes no empty list of columns, which is what is left when only the parent's column is declared. */
function orOne(columns: Columns): Columns {
  return Object.keys(columns).length === 0 ? { __none: 'text' } : columns
}

function pathsOf(files: readonly PageFile[]): string[] {
  return files.map(({ file }) => file)
}
