import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Reader, ReaderJob } from '../../../lib/engines/reader.ts'
import { type TestPostgres, testPostgres } from '../../kit/postgres.ts'
import { errorOf, ROADS, testReader, testRun, valuesOf } from './kit.ts'

let server: TestPostgres
let reader: Reader
let database: string
const COUNT = 40
const tables = Array.from({ length: COUNT }, (_, i) => ({ method: 'table', table: `t${i}` }) as const)

beforeAll(async () => {
  server = await testPostgres()
  reader = testReader()
  database = await server.createDatabase()
  const text = tables.map(
    ({ table }, i) =>
      `CREATE TABLE ${table} AS SELECT n::int8 AS id, '${table} ' || n AS name, (n * 1.25)::numeric(12,2) AS amount FROM generate_series(1, ${i}) AS n`,
  )
  await server.query(database, text.join('; '))
})
afterAll(async () => {
  await reader.close()
  await server.stop()
})

const sessions = async () =>
  Number((await server.query('postgres', `SELECT sessions FROM pg_stat_database WHERE datname = '${database}'`))[0]?.[0])

/** A reader that notes how many statements each job had. */
function counting(): { readonly reader: Reader; readonly statements: number[] } {
  const statements: number[] = []
  return {
    statements,
    reader: {
      ...reader,
      execute: (job: ReaderJob, signal) => {
        if (job.statements?.length) statements.push(job.statements.length)
        return reader.execute(job, signal)
      },
    },
  }
}

describe.each(ROADS)('small tables by %s', (road) => {
  it('are read together on a few sessions, each with its own rows', async () => {
    const { reader: counted, statements } = counting()
    const run = testRun(server, database, counted, { road })
    const before = await sessions()
    const landed = await Promise.all(tables.map((table) => run.land(table)))
    await run.close()
    expect(landed.map(({ rows }) => rows)).toEqual(tables.map((_, i) => i))
    for (const i of [1, 17, 39])
      expect((await valuesOf(landed[i] as (typeof landed)[number], 'CAST(t.id AS BIGINT)')).at(-1)).toEqual([
        `${i}`,
        `t${i} ${i}`,
        (i * 1.25).toFixed(2),
      ])
    expect(Math.max(...statements)).toBeGreaterThan(4)
    await expect.poll(async () => (await sessions()) - before).toBeLessThan(COUNT / 2)
  })

  it('fail each for itself: a value that does not fit, a table that is not there', async () => {
    await server.query(
      database,
      `DROP TABLE IF EXISTS odd; CREATE TABLE odd AS SELECT 'x' || n AS id, 1 AS name, 1 AS amount FROM generate_series(1, 3) AS n`,
    )
    const columns = { id: 'int64', name: 'text' }
    const run = testRun(server, database, reader, { road })
    const land = (table: string) => run.land({ method: 'table', table }, { columns })
    const [odd, missing, ...others] = await Promise.all([
      errorOf(land('odd')),
      errorOf(land('nowhere')),
      ...['t7', 't8', 't9'].map((table) => land(table)),
    ])
    await run.close()
    expect(odd).toMatchObject({ message: expect.stringContaining('column "id" row 1 of public.odd: "x1" is not an int64') })
    expect(missing).toMatchObject({ message: expect.stringMatching(/nowhere/), exitCode: 2 })
    expect(others.map(({ rows }) => rows)).toEqual([7, 8, 9])
  })
})

it('a table that grows beyond a megabyte has a session of its own', async () => {
  await server.query(
    database,
    `DROP TABLE IF EXISTS big; CREATE TABLE big AS SELECT n AS id, repeat('x', 200) AS t FROM generate_series(1, 20000) AS n`,
  )
  const { reader: counted, statements } = counting()
  const run = testRun(server, database, counted, { road: 'copy' })
  const landed = await Promise.all(['big', 't5', 't6'].map((table) => run.land({ method: 'table', table }, { columns: { id: 'int64' } })))
  await run.close()
  expect(landed.map(({ rows }) => rows)).toEqual([20000, 5, 6])
  expect(statements).toContain(1)
})
