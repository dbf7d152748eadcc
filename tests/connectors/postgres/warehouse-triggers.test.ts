import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Disposition } from '../../../lib/connectors/warehouse.ts'
import { ConfigError, PermanentError } from '../../../lib/core/errors.ts'
import { type TestPostgres, testPostgres } from '../../kit/postgres.ts'
import { append, failure, merge, ROADS, replace, replacePartition, warehouseOn } from './warehouse-kit.ts'

let server: TestPostgres
beforeAll(async () => {
  server = await testPostgres({ version: 15 })
})
afterAll(() => server.stop())

const ROWS = "SELECT range AS id, 'a' || range AS value FROM range(3)"
const NOTHING = "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"
const keep = (event: string, when = 'true') =>
  `${NOTHING}; CREATE TRIGGER keep BEFORE ${event} ON t FOR EACH ROW WHEN (${when}) EXECUTE FUNCTION nothing()`

const STILL = '"t" still has rows that were deleted from it: trigger keep of t keeps rows from being written as they are'

test.each<[string, Disposition, string, string]>([
  ['replace', replace, keep('DELETE', 'OLD.id = 1'), STILL],
  ['replacePartition', replacePartition, keep('DELETE', 'OLD.id = 1'), STILL],
  ['merge', merge, keep('DELETE', 'OLD.id = 1'), STILL],
  ['replace past a rule', replace, 'CREATE RULE keep AS ON DELETE TO t DO INSTEAD NOTHING', STILL.replace('trigger', 'rule')],
  [
    'merge that updates in place',
    merge,
    `ALTER TABLE t ADD PRIMARY KEY (id); CREATE TABLE other (id bigint REFERENCES t (id)); ${keep('UPDATE', 'OLD.id = 1')}`,
    '"t" took 2 rows of 3: trigger keep of t keeps rows from being written as they are',
  ],
])('load fails where a trigger or a rule keeps rows from it: %s', async (_, disposition, sql, message) => {
  const { load, rows, tokens, database } = await warehouseOn(server)
  await load('t', replacePartition, ROWS)
  const before = await tokens()
  await server.query(database, sql)
  const error = await failure(load('t', disposition, "SELECT range AS id, 'b' AS value FROM range(3)"), ConfigError)
  expect(error.message).toBe(message)
  expect(error.hint).toBe('drop or disable it, let it spare the loads by a WHEN, or load into another table')
  expect(error.place).toMatchObject({ table: 't', dataset: 'numbers' })
  expect(await rows('SELECT id, value FROM t ORDER BY id')).toEqual(['0|a0', '1|a1', '2|a2'])
  expect(await tokens()).toEqual(before)
})

test.each(ROADS)('load fails where a trigger leaves rows out, %s', async (_, extensions) => {
  const { load, rows, database } = await warehouseOn(server, {}, extensions)
  await load('t', append, "SELECT 9 AS id, 'first' AS value")
  await server.query(database, keep('INSERT', 'NEW.id = 1'))
  for (const disposition of [append, replace, replacePartition, merge]) {
    const error = await failure(load('t', disposition, ROWS), ConfigError)
    expect(error.message).toBe('"t" took 2 rows of 3: trigger keep of t keeps rows from being written as they are')
  }
  expect(await rows('SELECT id, value FROM t')).toEqual(['9|first'])
})

test('load works with triggers that let rows pass, or change them, also on a partition', async () => {
  const { load, rows, database } = await warehouseOn(server)
  await server.query(
    database,
    `CREATE TABLE t (id bigint, value text, _partition text, _load text) PARTITION BY RANGE (id); CREATE TABLE t_all PARTITION OF t DEFAULT;
     CREATE FUNCTION upper_value() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; NEW.value := upper(NEW.value); RETURN NEW; END $$;
     CREATE TRIGGER change BEFORE INSERT OR UPDATE OR DELETE ON t_all FOR EACH ROW EXECUTE FUNCTION upper_value()`,
  )
  await load('t', replace, ROWS)
  expect(await load('t', replace, ROWS)).toMatchObject({ rows: 3, removed: 3 })
  expect(await load('t', merge, "SELECT range AS id, 'm' AS value FROM range(2, 5)")).toMatchObject({ rows: 3, removed: 1, superseded: 0 })
  expect(await rows('SELECT value FROM t ORDER BY id')).toEqual(['A0', 'A1', 'M', 'M', 'M'])
  await server.query(database, 'ALTER TABLE t_all DISABLE TRIGGER change')
  expect(await load('t', replace, ROWS)).toMatchObject({ rows: 3, removed: 5 })
  expect(await rows('SELECT value FROM t ORDER BY id')).toEqual(['a0', 'a1', 'a2'])
})

test('load passes on what a trigger says, with its hint; of a table that is published without an identity it says what to do', async () => {
  const { load, database } = await warehouseOn(server)
  await load('t', replace, ROWS)
  await server.query(
    database,
    `CREATE FUNCTION closed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'the books are closed' USING HINT = 'ask the accountant'; END $$;
     CREATE TRIGGER closed BEFORE DELETE ON t FOR EACH STATEMENT EXECUTE FUNCTION closed()`,
  )
  const closed = await failure(load('t', replace, ROWS), PermanentError)
  expect(closed.message).toMatch(/failed: the books are closed \(P0001\)$/)
  expect(closed.hint).toBe('ask the accountant')
  await server.query(database, 'DROP TRIGGER closed ON t; CREATE PUBLICATION p FOR TABLE t')
  const published = await failure(load('t', replace, ROWS), ConfigError)
  expect(published.message).toMatch(/it does not have a replica identity and publishes deletes \(55000\)$/)
  expect(published.hint).toBe('it is published: let its owner say ALTER TABLE … REPLICA IDENTITY FULL, or give it a primary key')
  await server.query(database, 'ALTER TABLE t REPLICA IDENTITY FULL')
  await load('t', replace, ROWS)
})
