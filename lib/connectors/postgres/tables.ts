import type { Columns } from '../../core/dataset.ts'
import { ConfigError } from '../../core/errors.ts'
import { quoteIdentifier, quoteLiteral } from '../../core/quote.ts'
import { parseType } from '../../engines/types.ts'
import type { LoadSession } from './load-session.ts'
import { columnTypeFromPostgres, noteOf, postgresType } from './postgres-types.ts'
import { TOKENS } from './tokens.ts'

/** Columns of every table beside the dataset's. */
export const OWN_COLUMNS: readonly string[] = ['_partition', '_load']

export interface Table {
  readonly oid: string
  /** In the table's order, without `_partition`, `_load` and generated ones; a type that millrace does not have is PostgreSQL's own name of it. */
  readonly columns: Columns
  /** The types of `_partition` and `_load`, those that are there. */
  readonly own: Columns
  /** Columns that the server computes. */
  readonly generated: readonly string[]
  /** Columns to which the server gives a value where none is written. */
  readonly defaults: readonly string[]
  /** Its rows are those of its partitions. */
  readonly partitioned: boolean
  /** This role may do what only an owner may: indexes, ANALYZE. */
  readonly owned: boolean
}

/** What has names among those of tables, and is none, by `relkind`. */
const OTHERS: Readonly<Record<string, string>> = {
  v: 'a view',
  m: 'a materialized view',
  f: 'a foreign table',
  S: 'a sequence',
  c: 'a composite type',
  i: 'an index',
  I: 'an index',
}

/** A type that leaves no room for a table's own: of arrays the server finds another name. Types of rows are of a table that somebody has made since it was looked for. */
async function typeNamed(session: LoadSession, schema: string, table: string): Promise<string | undefined> {
  const { count } = await session.query(
    "SELECT FROM pg_catalog.pg_type AS t JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace WHERE n.nspname = $1 AND t.typname = $2 AND t.typcategory <> 'A' AND t.typrelid = 0",
    [schema, table],
  )
  return count > 0 ? 'a type' : undefined
}

/** A table of the schema, or undefined. @throws ConfigError when something else has the name */
export async function describeTable(session: LoadSession, schema: string, table: string): Promise<Table | undefined> {
  const { rows } = await session.query(
    "SELECT c.oid, c.relkind, pg_catalog.pg_has_role(c.relowner, $3), a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), pg_catalog.col_description(c.oid, a.attnum), a.attgenerated, a.atthasdef OR a.attidentity IN ('a', 'd') " +
      'FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace ' +
      'LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ' +
      'WHERE n.nspname = $1 AND c.relname = $2 ORDER BY a.attnum',
    [schema, table, 'USAGE'],
  )
  const [oid, kind, owned] = rows[0] ?? []
  const what = oid ? OTHERS[kind ?? ''] : await typeNamed(session, schema, table)
  if (what) throw new ConfigError(`"${table}" is ${what} in the warehouse`, { table, hint: 'drop it, or load into another table' })
  if (!oid) return undefined
  const columns = rows.flatMap(([, , , name, type, comment, generated]) =>
    name && type && generated === '' ? [[name, columnTypeFromPostgres(type, comment ?? null)] as const] : [],
  )
  const named = (which: (generated: string | null | undefined, defaulted: string | null | undefined) => boolean) =>
    rows.flatMap(([, , , name, , , generated, defaulted]) => (name && which(generated, defaulted) ? [name] : []))
  return {
    oid,
    columns: Object.fromEntries(columns.filter(([name]) => !OWN_COLUMNS.includes(name))),
    own: Object.fromEntries(columns.filter(([name]) => OWN_COLUMNS.includes(name))),
    generated: named((generated) => generated !== ''),
    defaults: named((generated, defaulted) => generated === '' && defaulted === 't'),
    partitioned: kind === 'p',
    owned: owned === 't',
  }
}

const SYSTEM_COLUMNS: readonly string[] = ['ctid', 'xmin', 'xmax', 'cmin', 'cmax', 'tableoid']

/** What PostgreSQL cuts off a name, with no more than a notice. */
const NAME_BYTES = 63

/** @throws ConfigError for names that a table of this warehouse cannot have */
export function checkNames(table: string, columns: Columns): void {
  if (table === TOKENS) throw new ConfigError(`table "${table}" is the warehouse's own`, { table })
  if (Buffer.byteLength(table) > NAME_BYTES)
    throw new ConfigError(`table name "${table}" is longer than ${NAME_BYTES} bytes, which PostgreSQL would cut`, { table })
  for (const column of Object.keys(columns)) {
    const refuse = (why: string): never => {
      throw new ConfigError(`column "${column}" of "${table}" ${why}`, { table, column })
    }
    if (OWN_COLUMNS.includes(column)) refuse('has the name of a column that the warehouse adds itself')
    if (SYSTEM_COLUMNS.includes(column)) refuse('has the name of a system column of PostgreSQL')
    if (Buffer.byteLength(column) > NAME_BYTES) refuse(`is longer than ${NAME_BYTES} bytes, which PostgreSQL would cut`)
  }
}

/** Makes the table, without its keys and its own columns: those come after the rows. `name` is quoted. */
export async function createTable(session: LoadSession, name: string, columns: Columns): Promise<void> {
  await session.query(`CREATE TABLE ${name} (${columnDefinitions(columns).join(', ')})`)
  await note(session, name, columns)
}

/** Adds columns, NULL in the rows that are there. */
export async function addColumns(session: LoadSession, name: string, columns: Columns): Promise<void> {
  if (Object.keys(columns).length === 0) return
  await session.query(
    `ALTER TABLE ${name} ${columnDefinitions(columns)
      .map((each) => `ADD COLUMN ${each}`)
      .join(', ')}`,
  )
  await note(session, name, columns)
}

/** `"a" T` for each. */
export function columnDefinitions(columns: Columns): string[] {
  return Object.entries(columns).map(([name, type]) => `${quoteIdentifier(name)} ${postgresType(parseType(type))}`)
}

async function note(session: LoadSession, name: string, columns: Columns): Promise<void> {
  for (const [column, type] of Object.entries(columns)) {
    const text = noteOf(parseType(type))
    if (text !== undefined) await session.query(`COMMENT ON COLUMN ${name}.${quoteIdentifier(column)} IS ${quoteLiteral(text)}`)
  }
}
