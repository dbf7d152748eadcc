import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Reader } from '../../../lib/engines/reader.ts'
import { type TestPostgres, testPostgres } from '../../kit/postgres.ts'
import { errorOf, ROADS, testReader, testRun, valuesOf } from './kit.ts'

let server: TestPostgres
let reader: Reader
let database: string

beforeAll(async () => {
  server = await testPostgres()
  reader = testReader()
  database = await server.createDatabase()
  await server.query('postgres', "CREATE DATABASE bytes ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
  await server.query('bytes', "SET client_encoding = 'SQL_ASCII'; CREATE TABLE t AS SELECT 1 AS id, 'fine' AS a, E'caf\\xe9' AS b")
  await server.query(
    database,
    `CREATE SCHEMA closed; CREATE TABLE closed.t (id int); CREATE TABLE part (id int, salary int); CREATE VIEW "My view" AS SELECT 1 AS id;
     CREATE MATERIALIZED VIEW later AS SELECT 1 AS id WITH NO DATA; CREATE ROLE few LOGIN PASSWORD 'reads-little'; GRANT SELECT (id) ON part TO few`,
  )
})
afterAll(async () => {
  await reader.close()
  await server.stop()
})

describe.each(ROADS)('by %s', (road) => {
  it.each([
    [{ method: 'table', table: 't' }, 'public.t'],
    [{ method: 'query', sql: 'SELECT * FROM t' }, 'query "SELECT * FROM t"'],
    [{ method: 'table', table: 't', where: "a = 'fine'" }, 'public.t'],
  ] as const)('bytes that are no UTF-8 are an error with their column: %o', async (request, what) => {
    const run = testRun(server, 'bytes', reader, { road })
    const error = (await errorOf(run.land(request))) as { readonly hint: string }
    expect(error).toMatchObject({
      ...{ exitCode: 3, place: { dataset: 'd', column: 'b' } },
      message: expect.stringMatching(/^reading .* failed: column "b" holds 0xe9, which is no UTF-8$/),
    })
    expect(error).toMatchObject({ message: expect.stringContaining(what) })
    const [, said = ''] = /which one it is: (.*)$/.exec(error.hint) ?? []
    expect(await valuesOf(await run.land({ method: 'query', sql: `SELECT ${said} FROM t` }), '1')).toEqual([['café']])
    expect((await run.land(request, { columns: { id: 'int32', a: 'text' } })).rows).toBe(1)
    await run.close()
  })

  it('a materialized view without data says what fills it', async () => {
    const run = testRun(server, database, reader, { road })
    expect(await errorOf(run.land({ method: 'table', table: 'later' }))).toMatchObject({
      ...{ exitCode: 2, hint: 'let its owner say: REFRESH MATERIALIZED VIEW "later"' },
      message: expect.stringMatching(/ failed: materialized view "later" has not been populated \(55000\)$/),
    })
    await run.close()
  })

  it.each([
    [{ method: 'table', table: 'part' }, 'GRANT SELECT ON "public"."part" TO "few"'],
    [{ method: 'table', table: 'My view' }, 'GRANT SELECT ON "public"."My view" TO "few"'],
    [{ method: 'table', table: 't', schema: 'closed' }, 'GRANT USAGE ON SCHEMA "closed" TO "few"'],
    [{ method: 'query', sql: 'SELECT salary FROM part' }, 'GRANT SELECT ON "part" TO "few"'],
  ] as const)('a missing right to %o says the GRANT', async (request, grant) => {
    const run = testRun(server, database, reader, { road, user: 'few', password: 'reads-little' })
    expect(await errorOf(run.land(request, { columns: { id: 'int32' } }))).toMatchObject({
      ...{ exitCode: 2, hint: `let its owner say: ${grant}`, place: { dataset: 'd' } },
    })
    expect((await run.land({ method: 'query', sql: 'SELECT id FROM part' })).rows).toBe(0)
    await run.close()
  })

  it('the limit of a role, and that of a database, are named as such', async () => {
    const limited = async (sql: string) => {
      await server.query('postgres', `${sql} CONNECTION LIMIT 1`)
      const run = testRun(server, database, reader, { road, user: 'few', password: 'reads-little', retries: 0 })
      const error = await errorOf(run.land({ method: 'query', sql: 'SELECT 1 AS id' }))
      await run.close()
      await server.query('postgres', `${sql} CONNECTION LIMIT -1`)
      return error
    }
    expect(await limited('ALTER ROLE few')).toMatchObject({
      ...{ exitCode: 75, hint: 'it is the limit of the role: lower maxConnections, or ALTER ROLE "few" CONNECTION LIMIT …' },
    })
    expect(await limited(`ALTER DATABASE "${database}"`)).toMatchObject({
      ...{
        exitCode: 75,
        hint: `it is the limit of the database: lower maxConnections, or ALTER DATABASE "${database}" CONNECTION LIMIT …`,
      },
    })
  })
})
