import { createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { to } from 'pg-copy-streams'
import { quoteIdentifier, quoteLiteral } from '../../lib/core/quote.ts'
import { type MetaRow, openDuckDB } from '../../lib/engines/duckdb.ts'
import { duckdbTypeFromText } from '../../lib/engines/types.ts'
import type { TestPostgres } from './postgres.ts'

/** DuckDB's type of each PostgreSQL type, and how its text is cast to it. */
const TYPES: Readonly<Record<string, string>> = {
  smallint: 'SMALLINT',
  integer: 'INTEGER',
  bigint: 'BIGINT',
  real: 'FLOAT',
  'double precision': 'DOUBLE',
  'time without time zone': 'TIME',
  'timestamp without time zone': 'TIMESTAMP',
  'timestamp with time zone': 'TIMESTAMPTZ',
}

/** Metadata rows of a SELECT in DuckDB's SQL on those tables of a schema that it names: each is copied as text into an engine of its own, and cast there by its PostgreSQL type. */
export async function queryTables(server: TestPostgres, database: string, schema: string, sql: string): Promise<readonly MetaRow[]> {
  const found = await server.query(
    database,
    `SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), coalesce(col_description(c.oid, a.attnum), '') FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
     WHERE c.relnamespace = $1::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped ORDER BY c.relname, a.attnum`,
    [quoteIdentifier(schema)],
  )
  const folder = await mkdtemp(join(tmpdir(), 'millrace-tables-'))
  const session = await server.client(database)
  const db = await openDuckDB({ memoryBytes: 512 * 2 ** 20, threads: 2, temp: join(folder, 'tmp') })
  try {
    await session.query("SET TimeZone = 'UTC'")
    for (const table of new Set(found.map(([name]) => name ?? ''))) {
      if (!sql.includes(table) && !sql.includes(quoteIdentifier(table))) continue
      const columns = found.filter(([name]) => name === table).map(([, name, type, note]) => column(name ?? '', type ?? '', note ?? ''))
      const file = join(folder, `${folder.length}-${columns.length}.csv`)
      const select = `SELECT ${columns.map(({ text }) => text).join(', ')} FROM ${quoteIdentifier(schema)}.${quoteIdentifier(table)}`
      await pipeline(session.query(to(`COPY (${select}) TO STDOUT (FORMAT csv, FORCE_QUOTE *)`)), createWriteStream(file))
      const names = columns.map((_, i) => `c${i}`)
      const casts = columns.map(({ name, cast }, i) => `${cast(`c${i}`)} AS ${quoteIdentifier(name)}`).join(', ')
      await db.run(
        `CREATE TABLE ${quoteIdentifier(table)} AS SELECT ${casts} FROM read_csv(${quoteLiteral(file)}, header = false, auto_detect = false, delim = ',', quote = '"', escape = '"', new_line = '\\n', ` +
          `allow_quoted_nulls = false, columns = {${names.map((name) => `${name}: 'VARCHAR'`).join(', ')}})`,
      )
    }
    return await db.meta(sql)
  } finally {
    db.close()
    await session.end()
    await rm(folder, { recursive: true })
  }
}

function column(name: string, type: string, note: string) {
  const quoted = quoteIdentifier(name)
  const as = (duck: string, text = quoted) => ({ name, text, cast: (c: string) => `CAST(${c} AS ${duck})` })
  if (type === 'bytea') return { name, text: `encode(${quoted}, 'hex')`, cast: (c: string) => `unhex(${c})` }
  if (type.endsWith('[]'))
    return { name, text: `array_to_json(${quoted})`, cast: (c: string) => `CAST(CAST(${c} AS JSON) AS ${duckType(type)})` }
  const noted = note.split('millrace type: ')[1]
  if (type === 'json' && noted)
    return { name, text: quoted, cast: (c: string) => `CAST(CAST(${c} AS JSON) AS ${duckdbTypeFromText(noted)})` }
  return as(duckType(type))
}

function duckType(type: string): string {
  return type.endsWith('[]') ? `${duckType(type.slice(0, -2))}[]` : (TYPES[type] ?? type)
}
