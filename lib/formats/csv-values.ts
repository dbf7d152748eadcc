import { quoteIdentifier, quoteLiteral } from '../core/quote.ts'
import type { ColumnType } from '../engines/types.ts'

/** What a contract says about the text of values. */
export interface ValueFormats {
  /** strftime format of dates; undefined: ISO 8601. */
  readonly dateFormat: string | undefined
  /** strftime format of timestamps with and without zone; undefined: ISO 8601. */
  readonly timestampFormat: string | undefined
  /** Zone in which timestamptz is written: the session's TimeZone is the same. */
  readonly zone: string
  /** The texts of true and false. */
  readonly booleans: readonly [yes: string, no: string]
  /** What stands before the fraction of decimals and floats; inside JSON always a point. */
  readonly decimalPoint: '.' | ','
}

/**
 * SQL for the CSV text of a value of type `type`; NULL stays NULL.
 *
 * | type | text |
 * | --- | --- |
 * | boolean | `true`, `false`, or the texts of `booleans` |
 * | integers, decimal | plain digits; a decimal always with its scale, or with the decimal places of `round`, half away from zero |
 * | float32, float64 | shortest text that reads back equal; `NaN`, `Infinity`, `-Infinity`; with `round` fixed decimal places, half away from zero, never `-0.00` |
 * | text, uuid, json | as it is |
 * | date | `2018-02-04` |
 * | time | `05:06:07.123` |
 * | timestamp | `2018-02-04T05:06:07.123456`, the fraction only as long as it is needed |
 * | timestamptz | the same in `zone`, then `Z` for UTC and else the offset: `+01:00`; in UTC where the offset has seconds (before zones had standard times) |
 * | infinite dates and timestamps | `infinity`, `-infinity`; years before 1 as DuckDB writes them: `0044-03-15 (BC)` |
 * | interval | DuckDB's text: `1 year 2 months 3 days 04:05:06.7` |
 * | bytes | lower-case hexadecimal |
 * | list, struct | JSON: decimals with all their digits, other values as above |
 */
export function csvValue(value: string, type: ColumnType, formats: ValueFormats, round?: number): string {
  switch (type.name) {
    case 'boolean':
      return booleanText(value, formats.booleans)
    case 'decimal':
      return withPoint(round === undefined ? value : decimalText(value, type, round), formats.decimalPoint)
    case 'float32':
    case 'float64':
      return withPoint(floatText(value, round), formats.decimalPoint)
    case 'date':
      return formats.dateFormat === undefined ? value : `strftime(${value}, ${quoteLiteral(formats.dateFormat)})`
    case 'timestamp':
      return formats.timestampFormat === undefined ? isoText(value) : `strftime(${value}, ${quoteLiteral(formats.timestampFormat)})`
    case 'timestamptz':
      return formats.timestampFormat === undefined
        ? zonedText(value, formats.zone)
        : `strftime(${value}, ${quoteLiteral(formats.timestampFormat)})`
    case 'bytes':
      return `lower(hex(${value}))`
    case 'list':
    case 'struct':
      return jsonText(value, type, formats, 0)
    default:
      return value
  }
}

/** Whether a zone is written as `Z`. */
export function isUtc(zone: string): boolean {
  return /^(etc\/)?(utc|uct|zulu|universal)$/i.test(zone)
}

function booleanText(value: string, [yes, no]: ValueFormats['booleans']): string {
  return yes === 'true' && no === 'false'
    ? value
    : `CASE WHEN ${value} THEN ${quoteLiteral(yes)} WHEN NOT ${value} THEN ${quoteLiteral(no)} END`
}

function withPoint(text: string, point: ValueFormats['decimalPoint']): string {
  return point === '.' ? text : `replace(CAST(${text} AS VARCHAR), '.', ',')`
}

/** DuckDB's cast to fewer decimal places rounds half away from zero, which may take one digit more before the point. */
function decimalText(value: string, { precision, scale }: ColumnType & { readonly name: 'decimal' }, round: number): string {
  return `CAST(${value} AS DECIMAL(${Math.min(38, precision - scale + round + 1)},${round}))`
}

function floatText(value: string, round: number | undefined): string {
  // `+ 0.0` turns -0.0 into 0.0: sums that differ in their last digits may fall on either side of zero.
  const text =
    round === undefined ? `CAST(${value} AS VARCHAR)` : `format('{:.${round}f}', CAST(round(${value}, ${round}) AS DOUBLE) + 0.0::DOUBLE)`
  return `CASE WHEN isfinite(${value}) THEN ${text} WHEN isnan(${value}) THEN 'NaN' WHEN ${value} > 0 THEN 'Infinity' WHEN ${value} < 0 THEN '-Infinity' END`
}

/** DuckDB's text `2018-02-04 05:06:07.5` with a `T`; years before 1 and infinity keep DuckDB's own. */
function isoText(value: string): string {
  return `CASE WHEN ${value} >= TIMESTAMP '0001-01-01' THEN replace(CAST(${value} AS VARCHAR), ' ', 'T') ELSE CAST(${value} AS VARCHAR) END`
}

function zonedText(value: string, zone: string): string {
  // Not timezone('UTC', …), which is a millisecond off after the year 287396 (DuckDB 1.5.5).
  const utc = `CAST(make_timestamp(epoch_us(${value})) AS VARCHAR)`
  const utcIso = `replace(${utc}, ' ', 'T') || 'Z'`
  const from1 = `${value} >= TIMESTAMPTZ '0001-01-02 00:00:00+00'`
  return `CASE WHEN NOT isfinite(${value}) THEN CAST(${value} AS VARCHAR) WHEN ${from1} THEN ${isUtc(zone) ? utcIso : offsetText(value, utcIso)} ELSE ${utc} || '+00' END`
}

/**
 * DuckDB's text in the session's zone. It writes an offset of whole hours without minutes, and cuts the seconds of an offset off (local mean times, until 1972 in
 * places), which is another instant: those are written in UTC.
 */
function offsetText(value: string, utcIso: string): string {
  const wholeMinutes = `(epoch_us(CAST(${value} AS TIMESTAMP)) - epoch_us(${value})) % 60000000 = 0`
  const local = `regexp_replace(replace(CAST(${value} AS VARCHAR), ' ', 'T'), '([+-]\\d\\d)$', '\\1:00')`
  return `CASE WHEN ${wholeMinutes} THEN ${local} ELSE ${utcIso} END`
}

/**
 * JSON built as text: DuckDB's to_json widens float32, writes Infinity bare, and rounds the numbers of nested JSON values.
 */
function jsonText(value: string, type: ColumnType, formats: ValueFormats, depth: number): string {
  const inner = (of: string, each: ColumnType) => `coalesce(${jsonText(of, each, formats, depth + 1)}, 'null')`
  switch (type.name) {
    case 'list': {
      const item = `e${depth}`
      return `'[' || array_to_string(list_transform(${value}, lambda ${item}: ${inner(item, type.of)}), ',') || ']'`
    }
    case 'struct': {
      const fields = type.fields.map(
        ({ name, type: each }) =>
          `to_json(${quoteLiteral(name)})::VARCHAR || ':' || ${inner(`struct_extract(${value}, ${quoteLiteral(name)})`, each)}`,
      )
      return `CASE WHEN ${value} IS NOT NULL THEN '{' || ${fields.join(` || ',' || `)} || '}' END`
    }
    case 'float32':
    case 'float64':
      return `CASE WHEN isfinite(${value}) THEN CAST(${value} AS VARCHAR) ELSE '"' || ${floatText(value, undefined)} || '"' END`
    case 'boolean':
    case 'int8':
    case 'int16':
    case 'int32':
    case 'int64':
    case 'uint8':
    case 'uint16':
    case 'uint32':
    case 'uint64':
    case 'decimal':
    case 'json':
      return `CAST(${value} AS VARCHAR)`
    default:
      return `CAST(to_json(CAST(${csvValue(value, type, formats)} AS VARCHAR)) AS VARCHAR)`
  }
}

/** A SELECT list entry: the text of a column under its own name. */
export function csvColumn(table: string, name: string, type: ColumnType, formats: ValueFormats, round?: number): string {
  const column = quoteIdentifier(name)
  const reference = `${table}.${column}`
  const text = csvValue(reference, type, formats, round)
  return text === reference ? reference : `${text} AS ${column}`
}
