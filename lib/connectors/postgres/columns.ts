import type { Client } from 'pg'
import { CheckError, ConfigError } from '../../core/errors.ts'

/** A column of what is read, as the server describes it. Domains are what they are over. */
export interface PostgresColumn {
  readonly name: string
  /** The built-in type's name in `pg_type` (`int4`, `bpchar`), of an array that of its elements; `''` for anything else. */
  readonly base: string
  readonly array: boolean
  /** Type modifier (precision and scale, length); -1: none. */
  readonly modifier: number
  /** As `format_type` writes it. */
  readonly text: string
  /** Its binary form holds numbers of this server's catalog (of a composite's fields, of an own type's array elements, of a regclass), which another server does not know. */
  readonly local: boolean
}

/** What RowDescription says of a column. */
export interface Field {
  readonly name: string
  readonly dataTypeID: number
  readonly dataTypeModifier: number
  readonly tableID: number
  readonly columnID: number
}

const PLAIN: Readonly<Record<string, string>> = {
  bool: 'boolean',
  int2: 'int16',
  int4: 'int32',
  int8: 'int64',
  oid: 'int64',
  float4: 'float32',
  float8: 'float64',
  bytea: 'bytes',
  date: 'date',
  time: 'time',
  timestamp: 'timestamp',
  timestamptz: 'timestamptz',
  interval: 'interval',
  uuid: 'uuid',
  json: 'json',
  jsonb: 'json',
}

/** Element types whose arrays are lists of them; arrays of others are lists of their texts. */
const ELEMENTS = new Set(['bool', 'int2', 'int4', 'int8', 'oid', 'float4', 'float8', 'date', 'time', 'timestamp', 'timestamptz', 'uuid'])

/** The millrace type that holds every value of a column exactly, or refuses it; `text`, the server's own, where there is none. */
export function typeOfColumn(column: PostgresColumn): string {
  const scalar = column.base === 'numeric' ? (decimalOf(column) ?? 'text') : (PLAIN[column.base] ?? 'text')
  if (!column.array) return scalar
  return `list(${column.base === 'numeric' || ELEMENTS.has(column.base) ? scalar : 'text'})`
}

/** `decimal(p,s)` of a numeric that fits one. */
export function decimalOf({ base, modifier }: PostgresColumn): string | undefined {
  if (base !== 'numeric' || modifier < 4) return undefined
  const packed = modifier - 4
  const [precision, scale] = [(packed >> 16) & 0xffff, ((packed & 0x7ff) ^ 1024) - 1024]
  return precision <= 38 && scale >= 0 && scale <= precision ? `decimal(${precision},${scale})` : undefined
}

const TYPES = `
  SELECT w.i, t.typname, t.typnamespace = 'pg_catalog'::regnamespace, format_type(t.oid, w.modifier),
    e.typname, e.typnamespace = 'pg_catalog'::regnamespace, coalesce(a.attndims, 1),
    coalesce(e.typtype, t.typtype) IN ('c', 'p') OR coalesce(e.typname, t.typname) ~ '^reg'
      OR (e.oid IS NOT NULL AND e.typnamespace <> 'pg_catalog'::regnamespace)
  FROM unnest($1::oid[], $2::int[], $3::oid[], $4::int[]) WITH ORDINALITY AS w(type, modifier, relation, attribute, i)
  JOIN pg_catalog.pg_type t ON t.oid = w.type
  LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem AND e.typarray = t.oid
  LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = w.relation AND a.attnum = w.attribute
  ORDER BY w.i`

/** The columns behind RowDescriptions, looked up together. @throws ConfigError for columns without a name, or with one of another */
export async function columnsOf(
  relations: readonly (readonly Field[])[],
  client: Pick<Client, 'query'>,
): Promise<readonly (readonly PostgresColumn[])[]> {
  for (const fields of relations) requireNames(fields)
  const all = relations.flat()
  const values = [
    all.map(({ dataTypeID }) => dataTypeID),
    all.map(({ dataTypeModifier }) => dataTypeModifier),
    all.map(({ tableID }) => tableID),
    all.map(({ columnID }) => columnID),
  ]
  const { rows } = await client.query<TypeRow>({ text: TYPES, values, rowMode: 'array' })
  const found = all.map((field, i) => columnOf(field, rows[i]))
  const counts = relations.map(({ length }) => length)
  const begins = counts.map((_, i) => counts.slice(0, i).reduce((sum, count) => sum + count, 0))
  return counts.map((count, i) => found.slice(begins[i], (begins[i] ?? 0) + count))
}

function requireNames(fields: readonly Field[]): void {
  const names = new Set<string>()
  for (const { name } of fields) {
    if (name === '?column?') throw new ConfigError('a column of the query has no name', { hint: 'name it: SELECT … AS name' })
    if (names.has(name)) throw new ConfigError(`the query has two columns "${name}"`, { column: name, hint: 'name one of them otherwise' })
    names.add(name)
  }
}

type TypeRow = (string | number | boolean | null)[]

function columnOf({ name, dataTypeModifier: modifier }: Field, row: Readonly<TypeRow> = []): PostgresColumn {
  const [, own, builtIn, text, element, elementBuiltIn, dimensions, local] = row
  // `int[][]`: its values are rarely of one dimension, and a list of lists is not what the server promises either.
  const array = typeof element === 'string' && dimensions === 1
  const known = array ? elementBuiltIn && element : element === null && builtIn && own
  return { name, base: typeof known === 'string' ? known : '', array, modifier, text: String(text), local: local === true }
}

/** The described column of a name. @throws CheckError where there is none */
export function columnNamed(columns: readonly PostgresColumn[], name: string, what: string): PostgresColumn {
  const found = columns.find((column) => column.name === name)
  if (found) return found
  const names = columns.map((column) => `"${column.name}"`).join(', ')
  throw new CheckError(`${what} has no column "${name}"; it has ${names}`, {
    column: name,
    hint: 'if the change is wanted, run millrace plan <pipeline> --discover, and look at what uses the column',
  })
}
