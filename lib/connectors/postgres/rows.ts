import { ConfigError } from '../../core/errors.ts'
import { quoteIdentifier } from '../../core/quote.ts'
import type { QueryRequest, SourceRequest, TableRequest } from '../requests.ts'
import type { Read } from '../source.ts'
import type { PostgresColumn } from './columns.ts'
import { instantLiteral, literal, naiveBounds, valuesOf } from './literals.ts'

/** Which rows are read, as SQL of the server. */
export interface Rows {
  /** `FROM … AS q`. */
  readonly from: string
  /** Conditions that hold together. */
  readonly where: readonly string[]
  /** Whether window and cursor are wholly among the conditions: the caller's own cut then takes nothing away. */
  readonly cut: boolean
}

/** The request, if a database can answer it. @throws ConfigError */
export function databaseRequest(request: SourceRequest): TableRequest | QueryRequest {
  if (request.method === 'table' || request.method === 'query') return request
  throw new ConfigError(`a postgres connection answers table and query, not ${request.method}`, { stage: 'extract' })
}

/** What is read, for messages: `public.payment`, or the beginning of a query. */
export function nameOf(request: TableRequest | QueryRequest, schema: string): string {
  if (request.method === 'table') return `${request.schema ?? schema}.${request.table}`
  const sql = request.sql.replace(/\s+/g, ' ').trim()
  return `query ${JSON.stringify(sql.length > 60 ? `${sql.slice(0, 60)}…` : sql)}`
}

/** The table of a request, quoted. */
export function tableText({ schema = '', table }: { readonly schema?: string; readonly table: string }): string {
  return `${quoteIdentifier(schema)}.${quoteIdentifier(table)}`
}

/** `FROM` of a request, its placeholders filled, and the user's own condition. @throws ConfigError for a placeholder without a value, and for a query that is none */
export function rowsOf(read: Pick<Read, 'request' | 'window' | 'partition'>, schema: string): Pick<Rows, 'from' | 'where'> {
  const request = databaseRequest(read.request)
  if (request.method === 'table') {
    const table = tableText({ schema, ...request })
    return { from: `FROM ${table} AS q`, where: request.where === undefined ? [] : [`(${filled(request.where, read, 'where')}\n)`] }
  }
  const sql = filled(request.sql, read, 'the query').trim().replace(/;+$/, '')
  if (sql === '') throw new ConfigError('the query is empty', { stage: 'extract' })
  // A comment at its end must not swallow the parenthesis.
  return { from: `FROM (\n${sql}\n) AS q`, where: [] }
}

/** Adds window and cursor of a read, as far as the server's own comparison is DuckDB's. `zone`: of naive times, if known. */
export function withCut(
  read: Read,
  columns: readonly PostgresColumn[],
  rows: Pick<Rows, 'from' | 'where'>,
  zone: string | undefined,
): Rows {
  const { window, cursor } = read
  const parts = [
    window && windowCondition(window, named(columns, window.column), read.columns, zone),
    cursor?.from === undefined ? undefined : cursorCondition(cursor.from, named(columns, cursor.column), read.columns, zone),
  ]
  const wanted = [window, cursor?.from].filter((each) => each !== undefined).length
  const made = parts.filter((part) => part !== undefined)
  return {
    from: rows.from,
    where: [...rows.where, ...made.map(({ sql }) => sql)],
    cut: made.length === wanted && made.every(({ exact }) => exact),
  }
}

interface Condition {
  readonly sql: string
  readonly exact: boolean
}

const named = (columns: readonly PostgresColumn[], name: string | undefined) =>
  columns.find((column) => column.name === name && !column.array)

function windowCondition(
  { start, end }: { readonly start: Date; readonly end: Date },
  column: PostgresColumn | undefined,
  declared: Read['columns'],
  zone: string | undefined,
): Condition | undefined {
  if (!column) return undefined
  const c = `q.${quoteIdentifier(column.name)}`
  const type = declared[column.name] ?? ''
  if (column.base === 'timestamptz' && type === 'timestamptz')
    return { sql: `${c} >= ${instantLiteral(start)} AND ${c} < ${instantLiteral(end)}`, exact: true }
  if (zone === undefined || !NAIVE[column.base]?.includes(type)) return undefined
  const bounds = naiveBounds({ start, end }, zone)
  return { sql: `${c} >= ${bounds.from} AND ${c} < ${bounds.to}`, exact: bounds.exact }
}

/** Types of the server without a zone, and what they may be declared as to mean the same moments. */
const NAIVE: Readonly<Record<string, readonly string[]>> = {
  timestamp: ['timestamp', 'timestamptz'],
  date: ['date', 'timestamp', 'timestamptz'],
}

/** Types that both sides order alike, what DuckDB writes of their values, and the type of the literal. */
const ORDERED: Readonly<Record<string, readonly [declared: RegExp, value: RegExp, literal: string]>> = {
  int2: [/^u?int\d+$/, /^-?\d{1,18}$/, 'int8'],
  int4: [/^u?int\d+$/, /^-?\d{1,18}$/, 'int8'],
  int8: [/^u?int\d+$/, /^-?\d{1,18}$/, 'int8'],
  oid: [/^u?int\d+$/, /^\d{1,10}$/, 'int8'],
  numeric: [/^(decimal\(.*\)|u?int\d+)$/, /^-?\d+(\.\d+)?$/, 'numeric'],
  uuid: [/^uuid$/, /^[0-9a-f-]{36}$/, 'uuid'],
  date: [/^date$/, /^\d{4}-\d\d-\d\d$/, 'date'],
  timestamp: [/^timestamp$/, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?$/, 'timestamp'],
  timestamptz: [/^timestamptz$/, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?[+-]\d\d(:\d\d)*$/, 'timestamptz'],
}

function cursorCondition(
  from: string,
  column: PostgresColumn | undefined,
  declared: Read['columns'],
  zone: string | undefined,
): Condition | undefined {
  if (!column) return undefined
  const { base, name } = column
  const [c, type] = [`q.${quoteIdentifier(name)}`, declared[name] ?? '']
  // DuckDB orders texts by their bytes.
  if ((base === 'text' || base === 'varchar') && type === 'text')
    return { sql: `${c} COLLATE "C" >= ${literal(from, 'text')}`, exact: true }
  const [fits, value, as] = ORDERED[base] ?? []
  if (fits?.test(type) && value?.test(from)) return { sql: `${c} >= ${literal(from, as ?? base)}`, exact: true }
  const instant = new Date(from.replace(' ', 'T').replace(/([+-]\d\d)$/, '$1:00'))
  if (base !== 'timestamp' || type !== 'timestamptz' || zone === undefined || Number.isNaN(instant.getTime())) return undefined
  return { sql: `${c} >= ${naiveBounds({ start: instant }, zone).from}`, exact: false }
}

/** Whether the user's own SQL compares with instants: naive times are then understood by the session's zone. */
export function comparesInstants(request: TableRequest | QueryRequest): boolean {
  return /\{(start|end)\}/.test(request.method === 'table' ? (request.where ?? '') : request.sql)
}

const PLACEHOLDER = /\{(start|end|partition|cursor)\}/g

function filled(sql: string, read: Pick<Read, 'window' | 'partition'>, where: string): string {
  const values = valuesOf(read)
  return sql.replace(PLACEHOLDER, (_, name: string) => {
    if (name === 'cursor')
      throw new ConfigError(`{cursor} in ${where} is not needed: rows at or after the last cursor are asked for without it`, {
        stage: 'extract',
      })
    const value = values.get(name)
    if (value !== undefined) return value
    const needs = name === 'partition' ? 'a pipeline with partitions' : 'a pipeline with partitions of time'
    throw new ConfigError(`placeholder {${name}} in ${where} has no value here; it needs ${needs}`, { stage: 'extract' })
  })
}
