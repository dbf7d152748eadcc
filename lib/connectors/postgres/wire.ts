import type { Columns } from '../../core/dataset.ts'
import { quoteIdentifier } from '../../core/quote.ts'
import { type ColumnType, duckdbType, parseType } from '../../engines/types.ts'
import { isElement } from './postgres-types.ts'

/** How rows travel: PostgreSQL's binary COPY, which DuckDB's postgres_scanner writes, or CSV. */
export type Wire = 'binary' | 'csv'

/** Rows of Parquet files on their way into a table. */
export interface RowsToCopy {
  /** Whose table it is, for messages. */
  readonly table: string
  readonly columns: Columns
  readonly files: readonly string[]
  /** Only a part of their rows. Absent: all. */
  readonly part?: Part
  readonly wire: Wire
  /** The table to copy into, quoted. */
  readonly into: string
  /** More columns, each of one text value. */
  readonly more?: Readonly<Record<string, string>>
  /** The session's transaction has made that table. */
  readonly made?: boolean
}

/** Rows of a dataset that follow each other. */
export interface Part {
  /** Their SELECT, each column of its declared type. */
  readonly relation: string
  /** Rows of the dataset before them. */
  readonly before: number
}

/** Types that PostgreSQL has in another width, as DuckDB must give them. */
const WIDENED: Readonly<Record<string, string>> = {
  int8: 'SMALLINT',
  uint8: 'SMALLINT',
  uint16: 'INTEGER',
  uint32: 'BIGINT',
  uint64: 'DECIMAL(20,0)',
  json: 'VARCHAR',
}

/** Arrays of these the extension does not write (numeric), or writes with another element type than text. */
const NO_BINARY_ELEMENTS: readonly string[] = ['text', 'decimal', 'uint64']

/** The wire for a set of columns: binary where the extension is there and can write each of them. */
export function wireFor(columns: Columns, extension: boolean): Wire {
  const types = Object.values(columns).map(parseType)
  const no = types.some((type) => type.name === 'list' && isElement(type.of) && NO_BINARY_ELEMENTS.includes(type.of.name))
  return extension && !no ? 'binary' : 'csv'
}

/** SELECT of a relation's columns as they travel, in order, then `more` expressions; named by place. */
export function wireSelect(columns: Columns, relation: string, wire: Wire, more: readonly string[] = []): string {
  const each = Object.entries(columns).map(([name, type]) => wireExpression(quoteIdentifier(name), parseType(type), wire))
  const list = [...each, ...more].map((expression, i) => `${expression} AS c${i}`).join(', ')
  return `SELECT ${list} FROM (${relation})`
}

/** Options of DuckDB's COPY … TO for it. Texts are always quoted: '' is not NULL, and a line `\.` is no end of data. */
export function wireOptions(columns: Columns, wire: Wire, more: number): string {
  if (wire === 'binary') return 'FORMAT postgres_binary'
  const types = [...Object.values(columns).map(parseType), ...Array<ColumnType>(more).fill({ name: 'text' })]
  const quoted = types.flatMap((type, i) => (['text', 'json', 'list', 'struct'].includes(type.name) ? [`c${i}`] : []))
  return `FORMAT csv, HEADER false${quoted.length > 0 ? `, FORCE_QUOTE (${quoted.join(', ')})` : ''}`
}

function wireExpression(name: string, type: ColumnType, wire: Wire): string {
  if (type.name === 'struct' || (type.name === 'list' && !isElement(type.of))) return `CAST(to_json(${name}) AS VARCHAR)`
  if (type.name !== 'list') return wire === 'csv' ? csvValue(name, type) : binaryValue(name, type)
  if (wire === 'csv') return arrayText(name, type.of)
  const each = binaryValue('x', type.of)
  return isGuarded(type.of) ? `list_transform(${name}, lambda x: ${each})` : `CAST(${name} AS ${wireType(type.of)}[])`
}

const isGuarded = (type: ColumnType): boolean => type.name === 'timestamp' || type.name === 'timestamptz'

/** PostgreSQL's first instant. The extension (1.5.5) lets earlier ones overflow into the year 294217, without a word. */
const FIRST = '4714-11-24 (BC) 00:00:00'

function binaryValue(name: string, type: ColumnType): string {
  if (!isGuarded(type)) return `CAST(${name} AS ${wireType(type)})`
  const first = type.name === 'timestamp' ? `TIMESTAMP '${FIRST}'` : `TIMESTAMPTZ '${FIRST}+00'`
  const refused = `error('TIMESTAMP "' || CAST(${name} AS VARCHAR) || '" is out of range for PostgreSQL')`
  return `CASE WHEN ${name} < ${first} AND isfinite(${name}) THEN ${refused} ELSE ${name} END`
}

function wireType(type: ColumnType): string {
  return WIDENED[type.name] ?? duckdbType(type)
}

/** A value as PostgreSQL reads it, where DuckDB writes it otherwise: bytes, and dates before Christ. A timestamptz goes as a naive one in UTC: DuckDB (1.5.5) writes it a millisecond off after the year 287396. */
function csvValue(name: string, type: ColumnType): string {
  if (type.name === 'bytes') return `'\\x' || hex(${name})`
  if (type.name === 'timestamptz')
    return `CASE WHEN isfinite(${name}) THEN ${datedText(`make_timestamp(epoch_us(${name}))`)} || '+00' ELSE CAST(${name} AS VARCHAR) END`
  return type.name === 'date' || type.name === 'timestamp' ? datedText(name) : name
}

const datedText = (value: string): string => `replace(CAST(${value} AS VARCHAR), ' (BC)', ' BC')`

/** A list as the text of an array (PostgreSQL manual, 8.15.6), each element quoted. */
function arrayText(name: string, of: ColumnType): string {
  const text = `CAST(${csvValue('x', of)} AS VARCHAR)`
  const quoted = `'"' || replace(replace(${text}, '\\', '\\\\'), '"', '\\"') || '"'`
  return `'{' || array_to_string(list_transform(${name}, lambda x: coalesce(${quoted}, 'NULL')), ',') || '}'`
}
