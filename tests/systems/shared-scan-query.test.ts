import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RunReport } from '../../lib/pipeline/report.ts'
import { killedAtLine } from '../kit/killed-at.ts'
import { millrace } from '../kit/millrace.ts'
import { type TestPostgres, testPostgres } from '../kit/postgres.ts'
import { FILES_CONFIG, type TestProject, testProject } from '../kit/project.ts'
import { all, DAYS, landed, oneByOne, ran } from '../pipeline/scanned.ts'

// What a database cannot find for one day without going through all is asked for once. Orders have their day from their lines, of which there are three each; events have an index.

let server: TestPostgres
let database: string
beforeAll(async () => {
  server = await testPostgres()
  database = await server.createDatabase()
  await server.query(
    database,
    `CREATE TABLE line AS SELECT i / 3 AS id, timestamp '2024-01-06' + i * interval '3 minutes' AS sold, (i % 900)::numeric(9,2) AS amount, (i % 7)::text AS note FROM generate_series(0, 2399) AS i;
     CREATE TABLE event AS SELECT i AS id, timestamp '2023-12-20' + i * interval '1 minute' AS sold, 1.5::numeric(9,2) AS amount, '7' AS note FROM generate_series(0, 60000) AS i;
     CREATE INDEX ON event (sold); ANALYZE`,
  )
}, 60_000)
afterAll(() => server.stop())

const ORDERS = 'SELECT id, max(sold) AS sold, sum(amount) AS amount, max(note) AS note FROM line GROUP BY id ORDER BY id'

function project(query = ORDERS, more = ''): TestProject {
  return testProject({
    'millrace.config.ts': FILES_CONFIG.replace('files, local', 'local, postgres').replace(
      "data: files('data')",
      `data: postgres({ host: '127.0.0.1', port: ${server.port}, database: '${database}', user: 'postgres', password: '${server.password}', extension: false${more} })`,
    ),
    'pipelines/p/schema.ts':
      "export const schema = { sale: { id: 'int32', sold: 'timestamp', amount: 'decimal(18,2)', note: 'int32' } } as const\n",
    'pipelines/p/pipeline.ts': `import { day, pipeline, replacePartition, source } from '#millrace'
import { schema } from './schema.ts'
export default pipeline({
  name: 'p', schema, partition: day({ from: '2024-01-07' }),
  extract: { sale: source('data').query(${JSON.stringify(query)}, { window: 'sold' }) },
  load: { sale: replacePartition('sale') },
})`,
  })
}

test('a query that goes through all for each day is run once for all of them, and lands what each would have read alone', {
  timeout: 120_000,
}, async () => {
  for (const more of ['', ', maxConnections: 1']) {
    const together = project(ORDERS, more)
    expect(await ran(together)).toMatchObject({ code: 0, outcomes: all('done'), scans: [3] })
    expect(landed(together)).toEqual(landed(await oneByOne(project())))
    expect(await together.warehouse('SELECT _partition, count(*) FROM sale GROUP BY ALL ORDER BY ALL')).toEqual(
      DAYS.slice(0, 3).map((day) => [day, '160']),
    )
    expect(await ran(together)).toMatchObject({ code: 0, scans: [] })
  }
  expect((await millrace(project(), 'plan', 'p')).stdout).toContain(
    'one scan for 3 partitions, unless the database finds each without the others',
  )
})

test('days that the database finds by an index, and queries that cut themselves, are read one by one', async () => {
  expect(await ran(project('SELECT * FROM event'))).toMatchObject({ code: 0, outcomes: all('done'), scans: [] })
  expect(await ran(project(`SELECT * FROM (${ORDERS}) AS o WHERE sold < {end}`))).toMatchObject({
    code: 0,
    outcomes: all('done'),
    scans: [],
  })
})

test('a value that does not fit fails its own day, with the words of a read alone; mended, only that is read', {
  timeout: 120_000,
}, async () => {
  const bad = ORDERS.replace('max(note)', "CASE id WHEN 400 THEN 'four' ELSE max(note) END")
  const together = project(bad)
  const { code, scans, outcomes, report } = await ran(together, { keepGoing: true })
  expect({ code, scans }).toEqual({ code: 1, scans: [3] })
  const alone = await ran(project(bad), { partition: '2024-01-08' })
  const error = alone.report.partitions[0]?.error
  expect(error?.message).toMatch(/^column "note" row \d+ of query "SELECT id, .*: "four" is not an int32$/)
  expect(report.partitions.map((each) => each.error)).toEqual([undefined, error, undefined])
  expect(outcomes[1]).toBe('2024-01-08 failed')
  // What fails while the rows come fails the pass, and then its own day.
  const nan = await ran(project(ORDERS.replace('sum(amount)', "CASE id WHEN 400 THEN 'NaN' ELSE sum(amount) END::numeric(18,2)")), {
    keepGoing: true,
  })
  expect(nan.scans).toEqual([])
  expect(nan.report.warnings).toEqual([expect.stringMatching(/^sale: one scan for 3 partitions has failed, so each reads for itself: /)])
  expect(nan.outcomes.map((each) => each.split(' ')[1])).toEqual(['done', 'failed', 'done'])
})

test('backfill scans once for all of its workers; killed at any instant, the next one reads what is left', {
  timeout: 300_000,
}, async () => {
  const alone = landed(await oneByOne(project()))
  let kills = 0
  for (const line of [1, 2, 4, 7, 10]) {
    const together = project()
    if (await killedAtLine(together, ['backfill', 'p', '--jobs', '2'], line)) kills++
    const { code, stdout, stderr } = await millrace(together, 'backfill', 'p', '--jobs', '2', '--json')
    expect(code, stderr).toBe(0)
    const { partitions } = JSON.parse(stdout) as RunReport
    expect(partitions.every(({ outcome }) => outcome === 'done' || outcome === 'unchanged')).toBe(true)
    expect(landed(together)).toEqual(alone)
    expect(await together.warehouse('SELECT count(*), count(DISTINCT id) FROM sale')).toEqual([['480', '480']])
  }
  expect(kills).toBeGreaterThan(3)
})
