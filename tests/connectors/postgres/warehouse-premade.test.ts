import { afterAll, beforeAll, expect, it } from 'vitest'
import { openLoadSession } from '../../../lib/connectors/postgres/load-session.ts'
import { settingsOf } from '../../../lib/connectors/postgres/options.ts'
import { describeTable } from '../../../lib/connectors/postgres/tables.ts'
import { ConfigError } from '../../../lib/core/errors.ts'
import { type TestPostgres, testPostgres } from '../../kit/postgres.ts'
import { append, failure, merge, replace, replacePartition, warehouseOn } from './warehouse-kit.ts'

let server: TestPostgres
beforeAll(async () => {
  server = await testPostgres({ version: 18 })
})
afterAll(() => server.stop())

const ROWS = "SELECT range AS id, 'a' || range AS value FROM range(3)"
const OWN = '_partition text, _load text'
const THEIRS = 'drop the column from the table, or give the dataset one of that name; or load into another table'

it.each([
  ['CREATE SEQUENCE t', '"t" is a sequence in the warehouse'],
  ['CREATE TYPE t AS (a int)', '"t" is a composite type in the warehouse'],
  ["CREATE TYPE t AS ENUM ('a')", '"t" is a type in the warehouse'],
  ['CREATE DOMAIN t AS int', '"t" is a type in the warehouse'],
  ['CREATE MATERIALIZED VIEW t AS SELECT 1 AS one', '"t" is a materialized view in the warehouse'],
  ['CREATE TABLE other (id int); CREATE INDEX t ON other (id)', '"t" is an index in the warehouse'],
  [
    `CREATE TABLE t (id bigint, value text GENERATED ALWAYS AS (id::text) STORED, ${OWN})`,
    'column "value" of table "t" is generated: the server computes it, and the dataset has it too',
    'leave it out of the dataset, or make it an ordinary one: ALTER TABLE … ALTER COLUMN "value" DROP EXPRESSION',
  ],
  [
    'CREATE TABLE t (id bigint, value text, _partition text, _load bigint)',
    'column _load of table "t" is int64, and must be text: there millrace writes where a row comes from',
    'rename the column, or change its type; or load into another table',
  ],
  [
    `CREATE TABLE t (no serial, id bigint, value text, ${OWN})`,
    'table "t" does not fit the dataset: column "no" (int32), which no load has made, is not in the dataset',
    THEIRS,
  ],
  [
    `CREATE TABLE t (id bigint, value text, plain text, at timestamptz DEFAULT now(), ${OWN})`,
    'table "t" does not fit the dataset: column "plain" (text), which no load has made, is not in the dataset; column "at" (timestamptz), which no load has made, is not in the dataset',
    THEIRS,
  ],
])('load says what stands there: %s', async (sql, message, hint = 'drop it, or load into another table') => {
  const { load, database } = await warehouseOn(server)
  await server.query(database, sql)
  for (const disposition of [replace, merge, append]) {
    const error = await failure(load('t', disposition, ROWS), ConfigError)
    expect([error.message, error.hint]).toEqual([message, hint])
  }
})

it('a table that another run makes while one looks for it is no type', async () => {
  const database = await server.createDatabase()
  const { host, port, user, password } = server
  const session = await openLoadSession(settingsOf({ host, port, user, password, database }), { host, port }, 'millrace/test')
  try {
    const query: typeof session.query = async (...statement) => {
      const answer = await session.query(...statement)
      await server.query(database, `CREATE TABLE IF NOT EXISTS t (id bigint, ${OWN})`)
      return answer
    }
    expect(await describeTable({ ...session, query }, 'public', 't')).toBeUndefined()
    expect(await describeTable(session, 'public', 't')).toMatchObject({ columns: { id: 'int64' } })
  } finally {
    await session.close()
  }
})

it('load tells columns that it has made from those that others have added', async () => {
  const { load, database } = await warehouseOn(server)
  await load('t', replace, ROWS)
  await server.query(database, 'ALTER TABLE t ADD COLUMN at timestamptz DEFAULT now()')
  const added = await failure(load('t', replace, ROWS), ConfigError)
  expect(added.message).toBe('table "t" does not fit the dataset: column "at" (timestamptz), which no load has made, is not in the dataset')
  await server.query(database, 'ALTER TABLE t DROP COLUMN at')
  const gone = await failure(load('t', replace, 'SELECT range AS id FROM range(3)', { columns: { id: 'int64' } }), ConfigError)
  expect(gone.message).toBe('table "t" does not fit the dataset: column "value" (text) is not in the dataset any more')
  expect(gone.hint).toContain('drop the old one')
})

it('load makes a table of the name of an array type, which gives way', async () => {
  const { load, rows, database } = await warehouseOn(server)
  await server.query(database, 'CREATE TABLE t (id int)')
  await load('_t', replace, ROWS)
  expect(await rows('SELECT count(*) FROM _t')).toEqual(['3'])
})

it('the rows of a first load do not hold _partition and _load, and give them all the same', async () => {
  const { load, rows, database } = await warehouseOn(server)
  await load('t', replacePartition, ROWS, { partition: "o'ne" })
  expect(
    await rows("SELECT attname, atthasmissing FROM pg_attribute WHERE attrelid = 't'::regclass AND attname LIKE '\\_%' ORDER BY 1"),
  ).toEqual(['_load|t', '_partition|t'])
  expect(await rows('SELECT DISTINCT _partition, length(_load) > 0 FROM t')).toEqual(["o'ne|t"])
  await server.query(database, 'UPDATE t SET value = value')
  await server.query(database, 'VACUUM FULL t')
  await load('t', replacePartition, ROWS, { partition: 'two' })
  expect(await rows('SELECT _partition, count(*) FROM t GROUP BY 1 ORDER BY 1')).toEqual(["o'ne|3", 'two|3'])
})

it('a table of a load fills _partition and _load itself, and rows get the right ones where it does not any more', async () => {
  const { load, rows, database } = await warehouseOn(server)
  const defaults = () =>
    rows("SELECT column_name, column_default FROM information_schema.columns WHERE table_name = 't' AND column_name LIKE '\\_%' ORDER BY 1")
  const filled = () => rows('SELECT DISTINCT _partition, length(_load) > 0 FROM t ORDER BY 1')
  await load('t', replacePartition, ROWS, { partition: "o'ne" })
  expect(await defaults()).toEqual([
    "_load|current_setting('millrace.load'::text, true)",
    "_partition|current_setting('millrace.partition'::text, true)",
  ])
  await load('t', replacePartition, ROWS, { partition: 'two' })
  expect(await filled()).toEqual(["o'ne|t", 'two|t'])
  // As `forward` leaves it, or somebody else.
  await server.query(database, "ALTER TABLE t ALTER COLUMN _partition SET DEFAULT 'theirs', ALTER COLUMN _load DROP DEFAULT")
  await load('t', replacePartition, ROWS, { partition: 'two' })
  await load('t', replacePartition, ROWS, { partition: 'three' })
  expect(await filled()).toEqual(["o'ne|t", 'three|t', 'two|t'])
})
