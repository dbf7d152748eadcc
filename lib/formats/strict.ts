import { CheckError } from '../core/errors.ts'
import { quoteIdentifier, quoteLiteral } from '../core/quote.ts'
import { type ColumnType, duckdbType, type ScalarName, typeText } from '../engines/types.ts'

/**
 * A SQL expression that gives `value` (an expression of type `from`) as type `to`, and fails with a conversion error for every value that `to` cannot
 * hold exactly: a fraction for an integer, a further digit of scale, a number that overflows to infinity, a date with a time, a naive timestamp with a zone.
 * DuckDB's own casts round such values, or cut them off. NULL stays NULL. Naive times become instants in `zone` (an IANA zone), else in the session's.
 * Each guard begins with the cheapest test that proves the common form; what fails it goes a slower way that decides by a pattern.
 * @throws CheckError where a struct has no field of a declared name
 */
export function strictCast(value: string, from: ColumnType, to: ColumnType, zone?: string): string {
  if (typeText(from) === typeText(to)) return value
  if (to.name === 'struct' || to.name === 'list') return nested(value, from, to, zone)
  if (from.name === 'json') return to.name === 'text' ? `(${value} ->> '$')` : strictCast(`(${value} ->> '$')`, { name: 'text' }, to, zone)
  if (from.name === 'text') return fromText(value, to, zone)
  if (to.name === 'json') return `CAST(to_json(${value}) AS JSON)`
  if (to.name === 'text') return toText(value, from)
  if (from.name === 'timestamp' && to.name === 'timestamptz') return instant(value, zone)
  if (from.name === 'date' && to.name === 'timestamptz') return instant(`CAST(${value} AS TIMESTAMP)`, zone)
  return widens(from, to) ? cast(value, to) : roundTrip(value, from, to)
}

/** A SQL expression that gives NULL where `expression` fails. In a lambda, because DuckDB 1.5.5 lifts what stands twice inside a plain TRY out of it, and fails. */
export function tried(expression: string): string {
  return `list_transform([1], lambda _tried: TRY(${expression}))[1]`
}

/** How a value of a declared type lies in millrace's Parquet files, so that DuckDB and Polars read the same: a DuckDB type name. */
export function storedType(type: ColumnType): string {
  return duckdbType(stored(type))
}

/**
 * `value` (an expression of type `type`) as it lies in a Parquet file. uuid and json lie as text (Polars cannot look at them), interval as DuckDB's text (Parquet's own keeps
 * milliseconds only and nothing negative); all else as DuckDB writes it.
 */
export function storedValue(value: string, type: ColumnType): string {
  const physical = stored(type)
  return typeText(physical) === typeText(type) ? value : `CAST(${value} AS ${duckdbType(physical)})`
}

function stored(type: ColumnType): ColumnType {
  if (type.name === 'list') return { name: 'list', of: stored(type.of) }
  if (type.name === 'struct')
    return { name: 'struct', fields: type.fields.map((field) => ({ name: field.name, type: stored(field.type) })) }
  return type.name === 'uuid' || type.name === 'json' || type.name === 'interval' ? { name: 'text' } : type
}

/** The type with `text` for every scalar but json: what a value is read as, so that nothing is rounded before `strictCast`. */
export function textual(type: ColumnType): ColumnType {
  if (type.name === 'list') return { name: 'list', of: textual(type.of) }
  if (type.name === 'struct')
    return { name: 'struct', fields: type.fields.map((field) => ({ name: field.name, type: textual(field.type) })) }
  return { name: type.name === 'json' ? 'json' : 'text' }
}

const cast = (value: string, to: ColumnType) => `CAST(${value} AS ${duckdbType(to)})`

/** Always fails to convert, with the value in DuckDB's message. */
const refuse = (value: string, to: ColumnType) => `CAST('!' || ${value} AS ${duckdbType(to)})`

const matches = (value: string, pattern: string) => `regexp_full_match(${value}, ${quoteLiteral(pattern)})`

function fromText(value: string, to: ColumnType, zone: string | undefined): string {
  const guard = (proof: string, slow: string) => `CASE WHEN ${proof} THEN ${cast(value, to)} ELSE ${slow} END`
  const prints = `CAST(${cast(value, to)} AS VARCHAR) = ${value}`
  const only = (pattern: string) => `CASE WHEN ${matches(value, pattern)} THEN ${cast(value, to)} ELSE ${refuse(value, to)} END`
  switch (to.name) {
    case 'int8':
    case 'int16':
    case 'int32':
    case 'int64':
    case 'uint8':
    case 'uint16':
    case 'uint32':
    case 'uint64':
      return guard(prints, only('\\s*[+-]?\\d[\\d_]*(\\.0*)?([eE]\\+?\\d+)?\\s*'))
    case 'decimal':
      return guard(prints, decimalFromText(value, to))
    case 'float32':
    case 'float64':
      return guard(`NOT isinf(${cast(value, to)})`, only('\\s*[+-]?(?i:inf|infinity)\\s*'))
    case 'date':
      return guard(
        prints,
        only(`\\s*\\d{4,6}(-\\d{1,2}-|/\\d{1,2}/)\\d{1,2}([ T]00?:00(:00(\\.0*)?)?( ?(Z|[+-]\\d{1,2}(:?\\d{2})?))?)?\\s*`),
      )
    case 'time':
      return guard(prints, only('\\s*\\d{1,2}:\\d{1,2}(:\\d{1,2}(\\.\\d{1,6}0*)?)?\\s*'))
    case 'timestamp':
      // One pattern for a blank and for a T between date and time.
      return guard(
        `(${value} LIKE '____-__-_____:__:__' AND NOT contains(${value}, 'Z'))`,
        `CASE WHEN ${prints} THEN ${cast(value, to)} ELSE ${only(NAIVE)} END`,
      )
    case 'timestamptz':
      return instantFromText(value, zone)
    default:
      return cast(value, to)
  }
}

const NAIVE = '\\s*\\d{4,6}(-\\d{1,2}-|/\\d{1,2}/)\\d{1,2}([ T]\\d{1,2}:\\d{1,2}(:\\d{1,2}(\\.\\d{1,6}0*)?)?)?\\s*'
const ZONED = `\\s*\\d{4,6}(-\\d{1,2}-|/\\d{1,2}/)\\d{1,2}( \\(BC\\))?[ T]\\d{1,2}:\\d{1,2}(:\\d{1,2}(\\.\\d{1,6}0*)?)?( ?(Z|[+-]\\d{1,2}(:?\\d{2}(:?\\d{2})?)?)| [A-Za-z][A-Za-z0-9_+/-]*)\\s*`

function instantFromText(value: string, zone: string | undefined): string {
  const to: ColumnType = { name: 'timestamptz' }
  const naive = zone === undefined ? cast(value, to) : instant(`CAST(${value} AS TIMESTAMP)`, zone)
  return `CASE WHEN ${value} LIKE '____-__-_____:__:__Z' OR ${matches(value, ZONED)} OR ${value} IN ('infinity', '-infinity') THEN ${cast(value, to)} WHEN ${matches(value, NAIVE)} THEN ${naive} ELSE ${refuse(value, to)} END`
}

/** A naive timestamp as an instant in a zone. */
const instant = (naive: string, zone: string | undefined) =>
  zone === undefined ? `CAST(${naive} AS TIMESTAMP WITH TIME ZONE)` : `(${naive} AT TIME ZONE ${quoteLiteral(zone)})`

function decimalFromText(value: string, to: ColumnType & { readonly name: 'decimal' }): string {
  const scale = to.scale
  // Digits after the point that fit the scale, then zeros; a positive exponent only moves the point to the right.
  const plain = `\\s*[+-]?(\\d+(\\.\\d{0,${scale}}0*)?|\\.\\d{1,${Math.max(scale, 1)}}0*)([eE]\\+?\\d+)?\\s*`
  // A negative exponent: compared at a scale that holds every digit of it.
  const small = '\\s*[+-]?\\d{1,15}(\\.\\d{1,10})?[eE]-(0?\\d|10)\\s*'
  const exact = `CAST(${value} AS DECIMAL(38,20))`
  const asSmall = `CASE WHEN ${matches(value, small)} THEN CASE WHEN ${exact} = ${cast(value, to)} THEN ${cast(value, to)} ELSE ${refuse(value, to)} END ELSE ${refuse(value, to)} END`
  return `CASE WHEN ${matches(value, scale === 0 ? '\\s*[+-]?\\d+(\\.0*)?([eE]\\+?\\d+)?\\s*' : plain)} THEN ${cast(value, to)} ELSE ${asSmall} END`
}

function toText(value: string, from: ColumnType): string {
  if (from.name === 'bytes') return `decode(${value})`
  if (from.name === 'list' || from.name === 'struct') return `CAST(to_json(${value}) AS VARCHAR)`
  return `CAST(${value} AS VARCHAR)`
}

/** Converts and converts back: what is not the same then has changed. */
function roundTrip(value: string, from: ColumnType, to: ColumnType): string {
  const whole = doubts(from, to) ? `abs(${value}) < ${EXACT} AND ` : ''
  return `CASE WHEN ${whole}CAST(${cast(value, to)} AS ${duckdbType(from)}) = ${value} THEN ${cast(value, to)} ELSE ${refuse(`CAST(${value} AS VARCHAR)`, to)} END`
}

/**
 * The comparison of `strictCast` for a cast that stands elsewhere, under the name `converted`, so that it is done once: for a statement of which a failure, of the cast too, only says that it does not
 * count. Undefined where no comparison decides.
 */
export function comparedCast(value: string, converted: string, from: ColumnType, to: ColumnType): string | undefined {
  if (typeText(from) === typeText(to) || from.name === 'text' || from.name === 'json' || to.name === 'text' || to.name === 'json')
    return undefined
  if (to.name === 'list' || to.name === 'struct' || to.name === 'timestamptz' || widens(from, to)) return undefined
  const refused = [`CAST(${converted} AS ${duckdbType(from)}) <> ${value}`, ...(doubts(from, to) ? [`abs(${value}) >= ${EXACT}`] : [])]
  return `CASE WHEN ${refused.join(' OR ')} THEN ${refuse(`CAST(${value} AS VARCHAR)`, to)} ELSE ${converted} END`
}

// A double from here on is one of several whole numbers: it does not say which.
const EXACT = 2 ** 53

/** Whether a value of `from` may stand for several of `to`. */
function doubts(from: ColumnType, to: ColumnType): boolean {
  return from.name === 'float64' && (to.name === 'int64' || to.name === 'uint64')
}

const RANK: readonly ScalarName[] = ['int8', 'int16', 'int32', 'int64']
const UNSIGNED: readonly ScalarName[] = ['uint8', 'uint16', 'uint32', 'uint64']
const DIGITS: Readonly<Record<string, number>> = { int8: 3, int16: 5, int32: 10, int64: 19, uint8: 3, uint16: 5, uint32: 10, uint64: 20 }

/** Whether every value of `from` is one of `to`. */
function widens(from: ColumnType, to: ColumnType): boolean {
  if (to.name === 'decimal') {
    if (from.name === 'decimal') return to.scale >= from.scale && to.precision - to.scale >= from.precision - from.scale
    return to.precision - to.scale >= (DIGITS[from.name] ?? 99)
  }
  if (from.name === 'decimal') return false
  if (from.name === 'boolean') return false
  if (to.name === 'float64') return from.name === 'float32' || (DIGITS[from.name] ?? 99) <= 10
  if (to.name === 'float32') return (DIGITS[from.name] ?? 99) <= 5
  const signed = RANK.indexOf(to.name as ScalarName)
  const [small, unsigned] = [RANK.indexOf(from.name as ScalarName), UNSIGNED.indexOf(from.name as ScalarName)]
  if (signed >= 0) return (small >= 0 && small <= signed) || (unsigned >= 0 && unsigned < signed)
  const target = UNSIGNED.indexOf(to.name as ScalarName)
  if (target >= 0) return unsigned >= 0 && unsigned <= target
  return from.name === 'date' && to.name === 'timestamp'
}

function nested(value: string, from: ColumnType, to: ColumnType & { readonly name: 'list' | 'struct' }, zone: string | undefined): string {
  if (from.name === 'text' || from.name === 'json') {
    const shape = textual(to)
    const parsed = `from_json(CAST(${value} AS JSON), ${quoteLiteral(JSON.stringify(jsonShape(shape)))})`
    // Bound to a name by a list of one, so that it is parsed once and not for each guard.
    const element = depthName(value)
    return `list_transform([${parsed}], lambda ${element}: ${strictCast(element, shape, to, zone)})[1]`
  }
  if (to.name === 'list' && from.name === 'list') {
    const element = depthName(value)
    return `list_transform(${value}, lambda ${element}: ${strictCast(element, from.of, to.of, zone)})`
  }
  if (to.name === 'struct' && from.name === 'struct') {
    const fields = to.fields.map((field) => {
      const found = from.fields.find((each) => each.name === field.name)
      if (!found)
        throw new CheckError(`the source has no field "${field.name}"; it has ${from.fields.map((each) => `"${each.name}"`).join(', ')}`)
      const part = `struct_extract(${value}, ${quoteLiteral(field.name)})`
      return `${quoteIdentifier(field.name)} := ${strictCast(part, found.type, field.type, zone)}`
    })
    return `CASE WHEN ${value} IS NULL THEN NULL ELSE struct_pack(${fields.join(', ')}) END`
  }
  return cast(value, to)
}

/** A lambda's parameter that no enclosing lambda has. */
function depthName(value: string): string {
  let depth = 0
  while (value.includes(`_e${depth}`)) depth++
  return `_e${depth}`
}

/** A type as DuckDB's from_json takes it. */
function jsonShape(type: ColumnType): unknown {
  if (type.name === 'list') return [jsonShape(type.of)]
  if (type.name === 'struct') return Object.fromEntries(type.fields.map((field) => [field.name, jsonShape(field.type)]))
  return duckdbType(type)
}
