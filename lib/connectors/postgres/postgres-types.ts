import { type ColumnType, parseType, type ScalarName, typeText } from '../../engines/types.ts'

/** PostgreSQL's name of each scalar, as `format_type` says it. Unsigned integers go where they fit whole; `json` keeps the text as it is, `jsonb` would reorder keys and drop double ones. */
const SCALARS: Readonly<Record<ScalarName, string>> = {
  boolean: 'boolean',
  int16: 'smallint',
  int32: 'integer',
  int64: 'bigint',
  int8: 'smallint',
  uint8: 'smallint',
  uint16: 'integer',
  uint32: 'bigint',
  uint64: 'numeric(20,0)',
  float32: 'real',
  float64: 'double precision',
  text: 'text',
  bytes: 'bytea',
  date: 'date',
  time: 'time without time zone',
  timestamp: 'timestamp without time zone',
  timestamptz: 'timestamp with time zone',
  interval: 'interval',
  uuid: 'uuid',
  json: 'json',
}

/** The type that stands for a PostgreSQL type by itself: of several the first above. */
const NATURAL = new Map<string, string>()
for (const [name, type] of Object.entries(SCALARS)) if (name !== 'uint64' && !NATURAL.has(type)) NATURAL.set(type, name)

/** Whether a list of it is an array in PostgreSQL; other lists, and structs, are `json`. */
export function isElement(type: ColumnType): boolean {
  return type.name !== 'list' && type.name !== 'struct' && type.name !== 'json'
}

/** The PostgreSQL type of a column, as `format_type` says it. */
export function postgresType(type: ColumnType): string {
  if (type.name === 'decimal') return `numeric(${type.precision},${type.scale})`
  if (type.name === 'list') return isElement(type.of) ? `${postgresType(type.of)}[]` : 'json'
  return type.name === 'struct' ? 'json' : SCALARS[type.name]
}

const NOTE = 'millrace type: '

/** What is written as a column's comment where its PostgreSQL type alone does not say its type: `smallint` may be an int8. */
export function noteOf(type: ColumnType): string | undefined {
  const text = typeText(type)
  return naturalType(postgresType(type)) === text ? undefined : `${NOTE}${text}`
}

/** The type of a column there: what its comment notes, if PostgreSQL's type still fits that; else by PostgreSQL's type alone, which stands as it is where millrace has none. */
export function columnTypeFromPostgres(type: string, comment: string | null): string {
  const noted = comment?.split(NOTE)[1]
  const parsed = noted === undefined ? undefined : parsedOrNot(noted)
  if (parsed && postgresType(parsed) === type) return typeText(parsed)
  return naturalType(type) ?? type
}

/** Whether a column's type is one of millrace's, not PostgreSQL's name of another. */
export function isOwnType(type: string): boolean {
  return parsedOrNot(type) !== undefined
}

function parsedOrNot(text: string): ColumnType | undefined {
  try {
    return parseType(text)
  } catch {
    return undefined
  }
}

function naturalType(type: string): string | undefined {
  if (type.endsWith('[]')) {
    const of = naturalType(type.slice(0, -2))
    return of === undefined || of === 'json' ? undefined : `list(${of})`
  }
  const numeric = /^numeric\((\d+),(\d+)\)$/.exec(type)
  if (!numeric) return NATURAL.get(type)
  const [precision, scale] = [Number(numeric[1]), Number(numeric[2])]
  return precision <= 38 && scale <= precision ? `decimal(${precision},${scale})` : undefined
}
