import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Reader } from '../../../lib/engines/reader.ts'
import { type TestPostgres, testPostgres } from '../../kit/postgres.ts'
import { errorOf, ROADS, testReader, testRun } from './kit.ts'

let server: TestPostgres
let reader: Reader
let database: string

beforeAll(async () => {
  server = await testPostgres()
  reader = testReader()
  database = await server.createDatabase()
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
