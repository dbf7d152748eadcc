import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import type { Reader } from '../../../lib/engines/reader.ts'
import { type TestPostgres, testPostgres } from '../../kit/postgres.ts'
import { ROADS as READING, testReader, testRun, valuesOf } from './kit.ts'
import { ROADS, replace, warehouseOn } from './warehouse-kit.ts'

let server: TestPostgres
let reader: Reader
beforeAll(async () => {
  reader = testReader()
  server = await testPostgres({ version: 18 })
  await server.query(
    'postgres',
    `CREATE ROLE odd LOGIN SUPERUSER PASSWORD 'odd-secret'; ALTER ROLE odd SET array_nulls = off; ALTER ROLE odd SET quote_all_identifiers = on;
     ALTER ROLE odd SET transaction_timeout = '300ms'; ALTER ROLE odd SET default_transaction_read_only = on`,
  )
})
afterAll(async () => {
  await reader?.close()
  await server?.stop()
})
const odd = { user: 'odd', password: 'odd-secret' } as const

describe('what a role or a database is set to makes no difference', () => {
  it.each(ROADS)('to a load, %s', async (_, extensions) => {
    const { load, rows, database } = await warehouseOn(server, odd, extensions)
    const columns = { id: 'int64', list: 'list(text)', day: 'date' }
    const select = "SELECT 1 AS id, ['a', NULL, 'NULL'] AS list, DATE '2026-01-01' AS day"
    await load('t', replace, select, { columns })
    await server.query(
      database,
      `CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.5); RETURN NULL; END';
       CREATE TRIGGER slow AFTER INSERT ON t FOR EACH STATEMENT EXECUTE FUNCTION slow()`,
    )
    expect(await load('t', replace, select, { columns })).toMatchObject({ rows: 1, removed: 1 })
    expect(await rows('SELECT list, list[2] IS NULL FROM t')).toEqual(['{a,NULL,"NULL"}|t'])
  })

  it.each(READING)('to what is read, by %s', async (road) => {
    const database = await server.createDatabase()
    const run = testRun(server, database, reader, { ...odd, road })
    onTestFinished(() => run.close())
    // The control session's transaction is as long as the run.
    const sql = "SELECT i AS id, ARRAY['a', NULL] AS list, '2026-01-01'::date AS day FROM generate_series(1, 2) AS i, LATERAL pg_sleep(0.3)"
    await run.land({ method: 'query', sql: 'SELECT 1 AS id' })
    const landed = await run.land({ method: 'query', sql })
    expect(await valuesOf(landed, 'id')).toEqual([1, 2].map((id) => [String(id), '[a, NULL]', '2026-01-01']))
  })
})
