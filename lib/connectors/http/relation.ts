import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { RunContext } from '../../core/context.ts'
import type { Columns } from '../../core/dataset.ts'
import { CheckError } from '../../core/errors.ts'
import { quoteIdentifier, quoteList, quoteLiteral } from '../../core/quote.ts'
import type { Reader } from '../../engines/reader.ts'
import { emptyRelation } from '../../engines/relation.ts'
import { duckdbTypeFromText, parseType, textFromDuckdbType, typeText } from '../../engines/types.ts'
import { textual } from '../../formats/strict.ts'
import type { HttpRequest } from '../requests.ts'
import type { Read, Relation } from '../source.ts'
import type { PageFile } from './pages.ts'

const FILE = '__file'
const ROW = '__row'
const LARGEST_OBJECT = 16 * 2 ** 20

export interface PagesRead {
  readonly files: readonly PageFile[]
  readonly request: HttpRequest
  readonly read: Read
  readonly folder: string
  readonly zone: string | undefined
}

/** The relation over the pages of a read; `folder` goes with it. */
export async function relationOfPages({ files, request, read, folder, zone }: PagesRead): Promise<Relation> {
  const raw = Object.fromEntries(Object.entries(read.columns).map(([name, type]) => [name, typeText(textual(parseType(type)))]))
  const common = {
    raw,
    before: [],
    bytes: files.reduce((sum, file) => sum + file.bytes, 0),
    ...(zone !== undefined && { zone }),
    close: () => rm(folder, { recursive: true, force: true }),
  }
  if (files.length === 0) return { ...common, sql: emptyRelation(raw), located: emptyRelation({ ...raw, _file: 'text', _row: 'int64' }) }
  const index = join(folder, 'pages.jsonl')
  await writeFile(index, files.map(({ file, url, parent }) => `${JSON.stringify({ file, url, parent: parent ?? null })}\n`).join(''))
  const parentColumn = request.each && `parent_${request.each.column}`
  const { [parentColumn ?? '']: _, ...own } = raw
  const rows = rowsOfPages(files, request, own, false)
  const list = Object.keys(raw).map((name) =>
    name === parentColumn ? `p.parent AS ${quoteIdentifier(name)}` : `r.${quoteIdentifier(name)}`,
  )
  const joined = (source: string, more: readonly string[]) =>
    `SELECT ${[...list, ...more].join(', ')} FROM (${source}) AS r JOIN ${pageIndex(index)} AS p ON p.file = r.${FILE}`
  return {
    ...common,
    sql: parentColumn === undefined ? `SELECT ${list.join(', ')} FROM (${rows}) AS r` : joined(rows, []),
    located: joined(rowsOfPages(files, request, own, true), ['p.url AS _file', `r.${ROW} AS _row`]),
  }
}

function pageIndex(path: string): string {
  return `read_json(${quoteLiteral(path)}, format = 'newline_delimited', columns = {'file': 'VARCHAR', 'url': 'VARCHAR', 'parent': 'VARCHAR'})`
}

/** SELECT of the columns and `__file`, and with `numbered` the row's number in its file as `__row`. */
function rowsOfPages(files: readonly PageFile[], request: HttpRequest, columns: Columns, numbered: boolean): string {
  const path = pathOf(request)
  const options = [`filename = ${quoteLiteral(FILE)}`, `maximum_object_size = ${largestObject(files)}`]
  const list = quoteList(files.map(({ file }) => file))
  const names = Object.keys(columns).map(quoteIdentifier)
  if (path.length === 0) {
    const format = request.format === 'ndjson' ? 'newline_delimited' : 'array'
    const types = Object.entries(columns).map(([name, type]) => `${quoteLiteral(name)}: ${quoteLiteral(duckdbTypeFromText(type))}`)
    const all = `FROM read_json(${list}, format = '${format}', columns = {${types.join(', ')}}, ${options.join(', ')})`
    if (!numbered) return `SELECT ${[...names, FILE].join(', ')} ${all}`
    return `SELECT * REPLACE (${ROW} - min(${ROW}) OVER (PARTITION BY ${FILE}) + 1 AS ${ROW}) FROM (SELECT *, row_number() OVER () AS ${ROW} ${all})`
  }
  const [first = '', ...rest] = path
  const row = `STRUCT(${Object.entries(columns)
    .map(([name, type]) => `${quoteIdentifier(name)} ${duckdbTypeFromText(type)}`)
    .join(', ')})`
  const nested = rest.reduceRight((inner, key) => `STRUCT(${quoteIdentifier(key)} ${inner})`, `${row}[]`)
  const array = path.map(quoteIdentifier).join('.')
  const number = numbered ? `, generate_subscripts(${array}, 1) AS ${ROW}` : ''
  const unnested = `SELECT unnest(${array}) AS __r, ${FILE}${number} FROM read_json(${list}, format = 'unstructured', columns = {${quoteLiteral(first)}: ${quoteLiteral(nested)}}, ${options.join(', ')})`
  return `SELECT ${names.map((name) => `__r.${name} AS ${name}`).join(', ')}, ${FILE}${numbered ? `, ${ROW}` : ''} FROM (${unnested})`
}

/**
 * Columns and types of a sample of pages, as DuckDB finds them; a type that millrace does not have becomes `json`. What is null in every row of the sample is `json`, too.
 * @throws CheckError when there is no row to look at.
 */
export async function columnsOfPages(
  files: readonly PageFile[],
  request: HttpRequest,
  read: Omit<Read, 'columns'>,
  reader: Reader,
  ctx: RunContext,
): Promise<Columns> {
  if (files.length === 0)
    throw new CheckError('the service gave no row, so its columns cannot be told', { stage: 'extract', dataset: read.dataset })
  const meta = { sql: `DESCRIBE ${sampleOfPages(files, request)}` }
  const { meta: found } = await reader.execute({ dataset: read.dataset, files: files.map(({ file }) => file), meta }, ctx.signal)
  const columns = found.map(
    ({ column_name: name, column_type: type }) => [name ?? '', textFromDuckdbType(narrowed(type ?? '')) ?? 'json'] as const,
  )
  return { ...Object.fromEntries(columns), ...(request.each && { [`parent_${request.each.column}`]: 'text' }) }
}

function sampleOfPages(files: readonly PageFile[], request: HttpRequest): string {
  const path = pathOf(request)
  const format = path.length > 0 ? 'unstructured' : request.format === 'ndjson' ? 'newline_delimited' : 'array'
  const guess = [
    'sample_size = -1',
    'map_inference_threshold = -1',
    'field_appearance_threshold = 0',
    `maximum_object_size = ${largestObject(files)}`,
  ]
  const all = `read_json(${quoteList(files.map(({ file }) => file))}, format = '${format}', ${guess.join(', ')})`
  return path.length === 0
    ? `SELECT * FROM ${all}`
    : `SELECT __r.* FROM (SELECT unnest(${path.map(quoteIdentifier).join('.')}) AS __r FROM ${all})`
}

/** Whole numbers of both signs make DuckDB's sniffer say HUGEINT. */
function narrowed(type: string): string {
  return type.replace(/\bHUGEINT\b/g, 'BIGINT')
}

function pathOf(request: HttpRequest): readonly string[] {
  return request.format === undefined || request.format === 'json' ? (request.rows?.split('.') ?? []) : []
}

function largestObject(files: readonly PageFile[]): number {
  return Math.max(LARGEST_OBJECT, ...files.map(({ bytes }) => bytes + 1024))
}
