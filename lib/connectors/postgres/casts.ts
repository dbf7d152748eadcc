import { quoteIdentifier } from '../../core/quote.ts'
import { duckdbTypeFromText, parseType } from '../../engines/types.ts'
import { decimalOf, type PostgresColumn } from './columns.ts'

/** How rows come: as binary COPY, decoded by DuckDB's extension, or as CSV, read by DuckDB. */
export type Road = 'extension' | 'copy'

/** How one column is asked for, and what becomes of what comes. */
export interface ColumnCast {
  readonly name: string
  /** SQL of the server, over the row `q`. */
  readonly server: string
  /** What CSV is read as, a type of DuckDB. */
  readonly csv: string
  /** SQL of DuckDB over the column that came. */
  readonly client: (value: string) => string
  /** The millrace type of that. */
  readonly raw: string
  /** Whether it may hold a NaN that the extension gives as 0.00: the relation refuses it. */
  readonly nan?: true
}

const same = (value: string): string => value

/**
 * How a column comes exactly, or fails. DuckDB's extension decodes numeric without precision, a NaN of numeric with one, interval, `"char"`, timestamps after 294246 and arrays silently wrong (1.5.5), and CSV is text in any case: so what is not plain is cast
 * to text on the server, and text becomes what is declared here or in `strictCast`.
 * @param table whether a table is read: only there every value has the column's own precision, by which the extension decodes it
 * @param located for the search of a value that does not fit: as text what may fail before `strictCast` sees it
 */
export function castOf(column: PostgresColumn, declared: string, road: Road, table: boolean, located = false): ColumnCast {
  const { name, base } = column
  const c = `q.${quoteIdentifier(name)}`
  const plain = (raw: string, server = c): ColumnCast => ({ name, server, csv: duckdbTypeFromText(raw), client: same, raw })
  const text = (server = `${c}::text`) => plain('text', server)
  const wanted = parseType(declared)
  if (wanted.name === 'text') return text(!column.array && (base === 'text' || base === 'varchar') ? c : undefined)
  if (column.array) return wanted.name === 'list' ? text(listText(c)) : text()
  switch (base) {
    case 'bool':
      return plain('boolean')
    case 'int2':
      return plain('int16')
    case 'int4':
      return plain('int32')
    case 'int8':
      return plain('int64')
    case 'oid':
      return plain('int64', `${c}::int8`)
    case 'float4':
      return plain('float32')
    case 'float8':
      return plain('float64')
    case 'text':
    case 'varchar':
      return text(c)
    case 'uuid':
      return plain('uuid')
    case 'time':
      return plain('time')
    case 'bytea':
      if (road === 'extension') return plain('bytes')
      return { name, server: c, csv: 'VARCHAR', client: (value) => `unhex(substr(${value}, 3))`, raw: 'bytes' }
    case 'numeric': {
      const decimal = decimalOf(column)
      if (decimal === undefined || located) return text()
      if (road === 'extension' && table) return { ...plain(decimal), nan: true }
      return { ...text(), client: (value) => `CAST(${value} AS ${duckdbTypeFromText(decimal)})`, raw: decimal }
    }
    case 'date':
      return plain('date', road === 'extension' ? c : yearsBeforeChrist(c, c))
    case 'timestamp':
    case 'timestamptz':
      return located ? text(yearsBeforeChrist(c, c)) : timestampCast(name, base, c, road)
    case 'interval':
      return wanted.name === 'interval' ? text(intervalText(c)) : text()
    default:
      return text()
  }
}

/**
 * Timestamps of PostgreSQL end 30 years after those of DuckDB, and the extension wraps them around to before 4714 BC, where PostgreSQL has none: such a value is refused. DuckDB's own parser of
 * timestamptz is a millisecond off in far years, so CSV has the naive form.
 */
function timestampCast(name: string, type: 'timestamp' | 'timestamptz', c: string, road: Road): ColumnCast {
  const duck = duckdbTypeFromText(type)
  if (road === 'extension') {
    const least = `CAST('4714-11-24 (BC) 00:00:00+00' AS ${duck})`
    const client = (value: string) =>
      `CASE WHEN ${value} < ${least} AND isfinite(${value}) THEN CAST('!' || CAST(${value} AS VARCHAR) AS ${duck}) ELSE ${value} END`
    return { name, server: c, csv: duck, client, raw: type }
  }
  if (type === 'timestamp') return { name, server: yearsBeforeChrist(c, c), csv: 'TIMESTAMP', client: same, raw: type }
  const naive = `(${c} AT TIME ZONE 'UTC')`
  const client = (value: string) =>
    `CASE WHEN isfinite(${value}) THEN make_timestamptz(epoch_us(${value})) ELSE CAST(${value} AS TIMESTAMP WITH TIME ZONE) END`
  return { name, server: yearsBeforeChrist(naive, c), csv: 'TIMESTAMP', client, raw: type }
}

/** `0044-03-15 BC` as DuckDB writes it, `0044-03-15 (BC)`. */
function yearsBeforeChrist(value: string, of: string): string {
  return `CASE WHEN ${of} >= '0001-01-01' OR NOT isfinite(${of}) THEN ${value}::text ELSE regexp_replace(${value}::text, '^(\\S+)(.*) BC$', '\\1 (BC)\\2') END`
}

/** As JSON of the elements' own texts; a value with several dimensions, or one that does not begin at 1, in the server's form, which is no list. */
function listText(c: string): string {
  return `CASE WHEN array_ndims(${c}) > 1 OR array_lower(${c}, 1) <> 1 THEN ${c}::text ELSE array_to_json(${c}::text[])::text END`
}

/** Months, days and microseconds: DuckDB does not parse the server's own form where it has hours beyond 24 or several signs. */
function intervalText(c: string): string {
  const months = `(extract(year FROM ${c}) * 12 + extract(month FROM ${c}))::bigint`
  const micros = `(extract(hour FROM ${c}) * 3600000000 + extract(minute FROM ${c}) * 60000000 + extract(microseconds FROM ${c}))::bigint`
  const text = `${months} || ' months ' || extract(day FROM ${c})::bigint || ' days ' || ${micros} || ' microseconds'`
  return `CASE WHEN isfinite(${c}) THEN ${text} ELSE ${c}::text END`
}
