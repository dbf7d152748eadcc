import { ConfigError } from '../core/errors.ts'
import { quoteIdentifier } from '../core/quote.ts'

/** A parsed type text. */
export type ColumnType =
  | { readonly name: ScalarName }
  | { readonly name: 'decimal'; readonly precision: number; readonly scale: number }
  | { readonly name: 'list'; readonly of: ColumnType }
  | { readonly name: 'struct'; readonly fields: readonly { readonly name: string; readonly type: ColumnType }[] }

/** Scalar types, each as DuckDB calls it. */
export const scalars = {
  boolean: 'BOOLEAN',
  int8: 'TINYINT',
  int16: 'SMALLINT',
  int32: 'INTEGER',
  int64: 'BIGINT',
  uint8: 'UTINYINT',
  uint16: 'USMALLINT',
  uint32: 'UINTEGER',
  uint64: 'UBIGINT',
  float32: 'FLOAT',
  float64: 'DOUBLE',
  text: 'VARCHAR',
  bytes: 'BLOB',
  date: 'DATE',
  time: 'TIME',
  timestamp: 'TIMESTAMP',
  timestamptz: 'TIMESTAMP WITH TIME ZONE',
  interval: 'INTERVAL',
  uuid: 'UUID',
  json: 'JSON',
} as const

export type ScalarName = keyof typeof scalars

/** Parses a type text as it stands in schema.ts. @throws ConfigError on anything else, listing what is allowed. */
export function parseType(text: string): ColumnType {
  if (typeof text !== 'string') throw new ConfigError(`a type is a text, as 'int32', not ${JSON.stringify(text)}`)
  const trimmed = text.trim()
  if (trimmed in scalars) return { name: trimmed as ScalarName }
  const decimal = /^decimal\(\s*(\d+)\s*,\s*(\d+)\s*\)$/.exec(trimmed)
  if (decimal) {
    const [precision, scale] = [Number(decimal[1]), Number(decimal[2])]
    if (precision >= 1 && precision <= 38 && scale <= precision) return { name: 'decimal', precision, scale }
    throw new ConfigError(`type "${text}" must have a precision of 1 to 38 and a scale of at most that`)
  }
  const inner = /^(list|struct)\((.*)\)$/s.exec(trimmed)
  if (inner?.[1] === 'list' && inner[2]) return { name: 'list', of: parseType(inner[2]) }
  if (inner?.[1] === 'struct' && inner[2]) return { name: 'struct', fields: splitFields(inner[2]).map(parseField) }
  throw new ConfigError(`unknown type "${text}"; expected ${Object.keys(scalars).join(', ')}, decimal(p,s), list(T) or struct(name T, …)`)
}

/** The text of a parsed type, in its one normal form. */
export function typeText(type: ColumnType): string {
  switch (type.name) {
    case 'decimal':
      return `decimal(${type.precision},${type.scale})`
    case 'list':
      return `list(${typeText(type.of)})`
    case 'struct':
      return `struct(${type.fields.map((f) => `${fieldName(f.name)} ${typeText(f.type)}`).join(', ')})`
    default:
      return type.name
  }
}

/** DuckDB's name of a type text. */
export function duckdbTypeFromText(text: string): string {
  return duckdbType(parseType(text))
}

export function duckdbType(type: ColumnType): string {
  switch (type.name) {
    case 'decimal':
      return `DECIMAL(${type.precision},${type.scale})`
    case 'list':
      return `${duckdbType(type.of)}[]`
    case 'struct':
      return `STRUCT(${type.fields.map((f) => `${quoteIdentifier(f.name)} ${duckdbType(f.type)}`).join(', ')})`
    default:
      return scalars[type.name]
  }
}

const fromDuckdb = new Map<string, string>([
  ...Object.entries(scalars).map(([text, duck]) => [duck, text] as const),
  ['TIMESTAMPTZ', 'timestamptz'],
  ['TIMESTAMP_S', 'timestamp'],
  ['TIMESTAMP_MS', 'timestamp'],
  ['NULL', 'text'],
  ['"NULL"', 'text'],
])

/**
 * The type text of what DuckDB's DESCRIBE says, or undefined where millrace has no type for it (HUGEINT, TIME WITH TIME ZONE, MAP, UNION, ENUM, BIT, fixed arrays, …): the caller says what to
 * write instead.
 */
export function textFromDuckdbType(duck: string): string | undefined {
  const known = fromDuckdb.get(duck)
  if (known) return known
  const decimal = /^DECIMAL\((\d+),(\d+)\)$/.exec(duck)
  if (decimal) return `decimal(${decimal[1]},${decimal[2]})`
  if (duck.endsWith('[]')) {
    const of = textFromDuckdbType(duck.slice(0, -2))
    return of && `list(${of})`
  }
  const struct = /^STRUCT\((.*)\)$/s.exec(duck)
  if (struct?.[1]) {
    const fields: string[] = []
    for (const part of splitFields(struct[1])) {
      const { name, rest } = takeName(part)
      const type = textFromDuckdbType(rest)
      if (!type) return undefined
      fields.push(`${fieldName(name)} ${type}`)
    }
    return `struct(${fields.join(', ')})`
  }
  return undefined
}

function parseField(text: string): { name: string; type: ColumnType } {
  const { name, rest } = takeName(text)
  if (rest === '') throw new ConfigError(`struct field "${text}" needs a name and a type`)
  return { name, type: parseType(rest) }
}

/** Names of structs are quoted where they are not plain words. */
function fieldName(name: string): string {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? name : quoteIdentifier(name)
}

function takeName(text: string): { name: string; rest: string } {
  const field = text.trim()
  const quoted = /^"((?:[^"]|"")*)"\s*(.*)$/s.exec(field)
  if (quoted) return { name: (quoted[1] ?? '').replaceAll('""', '"'), rest: quoted[2] ?? '' }
  const plain = /^(\S+)\s*(.*)$/s.exec(field)
  return { name: plain?.[1] ?? '', rest: plain?.[2] ?? '' }
}

/** Splits at commas outside parentheses and quotes. */
function splitFields(text: string): string[] {
  const parts: string[] = []
  let depth = 0
  let quoted = false
  let from = 0
  for (let i = 0; i < text.length; i++) {
    const c = text[i]
    if (c === '"') quoted = !quoted
    else if (quoted) continue
    else if (c === '(') depth++
    else if (c === ')') depth--
    else if (c === ',' && depth === 0) {
      parts.push(text.slice(from, i))
      from = i + 1
    }
  }
  return [...parts, text.slice(from)]
}
