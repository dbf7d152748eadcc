import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { throttle } from '../../../lib/connectors/postgres/throttle.ts'
import { CheckError, ConfigError } from '../../../lib/core/errors.ts'
import type { Reader } from '../../../lib/engines/reader.ts'
import { type AnswerProxy, answerProxy } from '../../kit/answer-proxy.ts'
import { manualClock } from '../../kit/context.ts'
import { type TestPostgres, testPostgres } from '../../kit/postgres.ts'
import { errorOf, ROADS, testReader, testRun, valuesOf } from './kit.ts'

let server: TestPostgres
let reader: Reader
let proxy: AnswerProxy
let database: string

beforeAll(async () => {
  server = await testPostgres()
  proxy = await answerProxy(server)
  reader = testReader()
  database = await server.createDatabase()
  await server.query(
    database,
    `CREATE TABLE event (id int8 PRIMARY KEY, at timestamptz, naive timestamp, day date, name text, extra text);
     INSERT INTO event SELECT i, t, t AT TIME ZONE 'UTC', (t AT TIME ZONE 'UTC')::date, 'n' || i, repeat('x', 100)
       FROM (SELECT i, '2018-02-01 00:00+00'::timestamptz + i * interval '1 minute' AS t FROM generate_series(1, 5000) AS i) AS g;
     CREATE INDEX ON event (at); CREATE INDEX ON event (naive); CREATE INDEX ON event (day); ANALYZE event;
     CREATE VIEW recent AS SELECT id, at FROM event WHERE id > 4000`,
  )
})
afterAll(async () => {
  await reader.close()
  await proxy[Symbol.asyncDispose]()
  await server.stop()
})

const event = { method: 'table', table: 'event' } as const
const day = { start: new Date('2018-02-02T00:00:00Z'), end: new Date('2018-02-03T00:00:00Z') }

/** The statement of the last COPY that the server was asked for. */
function lastCopy(): string {
  const all = [...proxy.said().matchAll(/COPY \(([\s\S]*?)\) TO STDOUT/g)]
  return all.at(-1)?.[1]?.replace(/\s+/g, ' ') ?? ''
}

async function plan(sql: string): Promise<string> {
  return (await server.query(database, `EXPLAIN ${sql}`)).map(([line]) => line).join('\n')
}

describe.each(ROADS)('by %s', (road) => {
  it.each([
    ['at', { at: 'timestamptz' }, undefined],
    ['naive', { naive: 'timestamp' }, 'UTC'],
    ['naive', { naive: 'timestamptz' }, 'Asia/Tokyo'],
    ['day', { day: 'date' }, 'UTC'],
  ] as const)('a window over %s as %o in zone %s is asked of the server, with its columns alone', async (column, types, zone) => {
    const run = testRun(server, database, reader, { road, port: proxy.port, ...(zone && { zone }) })
    const columns = { id: 'int64', ...types }
    const landed = await run.land(event, { columns, window: { ...day, column }, kind: { by: 'window', column } })
    await run.close()
    expect(landed.rows).toBe(1440)
    const asked = lastCopy()
    expect(asked).not.toMatch(/extra|name"/)
    expect(asked).toContain(zone === 'Asia/Tokyo' ? "'2018-02-02 09:00:00.000'::timestamp" : '2018-02-02')
    expect(await plan(asked)).toMatch(/Index|Bitmap/)
  })

  it('a window near a change of clocks loses no row', async () => {
    const zone = 'America/New_York'
    await server.query(
      database,
      "CREATE TABLE IF NOT EXISTS clock AS SELECT i::int4 AS id, '2018-11-04 00:00'::timestamp + i * interval '10 minutes' AS naive FROM generate_series(0, 35) AS i",
    )
    const counts: number[] = []
    for (let hour = 4; hour < 12; hour++) {
      const window = { start: new Date(Date.UTC(2018, 10, 4, hour)), end: new Date(Date.UTC(2018, 10, 4, hour + 1)), column: 'naive' }
      const run = testRun(server, database, reader, { road, zone })
      counts.push(
        (
          await run.land(
            { method: 'table', table: 'clock' },
            { columns: { naive: 'timestamp' }, window, kind: { by: 'window', column: 'naive' } },
          )
        ).rows,
      )
      await run.close()
    }
    expect(counts.reduce((sum, each) => sum + each, 0)).toBe(36)
  })

  it.each([
    ['id', 'int64', '4900', 101],
    ['at', 'timestamptz', '2018-02-04 11:00:00+00', 21],
    ['naive', 'timestamp', '2018-02-04 11:00:00', 21],
    ['day', 'date', '2018-02-04', 681],
    ['name', 'text', 'n998', 2],
  ])('a cursor over %s is asked of the server', async (column, type, from, rows) => {
    const run = testRun(server, database, reader, { road, port: proxy.port })
    const landed = await run.land(event, { columns: { [column]: type }, cursor: { column, from }, kind: { by: 'cursor', column } })
    await run.close()
    expect(landed.rows).toBe(rows)
    expect(lastCopy()).toContain(`>= '${from}'::`)
  })

  it('views, queries and a condition of the user are read, with values for placeholders', async () => {
    const run = testRun(server, database, reader, { road })
    expect((await run.land({ method: 'table', table: 'recent' })).rows).toBe(1000)
    const where = 'at >= {start} AND at < {end} AND name <> {partition} -- not that one'
    const more = { window: day, partition: "n2000'; DROP TABLE event; --" }
    expect((await run.land({ ...event, where }, { columns: { id: 'int64' }, ...more })).rows).toBe(1440)
    const query = { method: 'query', sql: 'SELECT id, name AS "It\'s {odd}" FROM event WHERE at < {end};' } as const
    const columns = { id: 'int64', "It's {odd}": 'text' }
    expect((await run.land(query, { columns, ...more })).rows).toBe(2879)
    expect(await errorOf(run.land({ ...event, where: 'at < {end}' }, { columns }))).toMatchObject({
      message: expect.stringMatching(/^placeholder \{end\} in where has no value here/),
    })
    for (const [sql, message] of [
      ['SELECT 1 AS a, 2 AS a', /the query has two columns "a"/],
      ['SELECT 1', /a column of the query has no name/],
      ['DELETE FROM event RETURNING id', /syntax error|42601/],
      ['WITH gone AS (DELETE FROM event RETURNING id) SELECT * FROM gone', /0A000|25006/],
    ] as const)
      expect(await errorOf(run.land({ method: 'query', sql })), sql).toMatchObject({ exitCode: 2, message: expect.stringMatching(message) })
    await run.close()
  })

  it('names that need quoting, partitions and children are read once', async () => {
    await server.query(
      database,
      `DROP SCHEMA IF EXISTS "odd.Schema" CASCADE; CREATE SCHEMA "odd.Schema";
       CREATE TABLE "odd.Schema"."select ""*"" from x;" ("a "" b" int4, "Grün" text, generated int4 GENERATED ALWAYS AS (1) STORED) PARTITION BY LIST ("a "" b");
       CREATE TABLE "odd.Schema".one PARTITION OF "odd.Schema"."select ""*"" from x;" FOR VALUES IN (1);
       CREATE TABLE "odd.Schema".two PARTITION OF "odd.Schema"."select ""*"" from x;" FOR VALUES IN (2);
       INSERT INTO "odd.Schema"."select ""*"" from x;" VALUES (1, 'eins'), (2, NULL)`,
    )
    const run = testRun(server, database, reader, { road })
    const landed = await run.land({ method: 'table', schema: 'odd.Schema', table: 'select "*" from x;' })
    await run.close()
    expect(landed.columns).toEqual({ 'a " b': 'int32', Grün: 'text', generated: 'int32' })
    expect(await valuesOf(landed, '1')).toEqual([
      ['1', 'eins', '1'],
      ['2', null, '1'],
    ])
  })

  it('all reads of a run see one snapshot, while others write; two runs do not', async () => {
    await server.query(
      database,
      'DROP TABLE IF EXISTS debit, credit; CREATE TABLE debit AS SELECT i AS id, 0::int8 AS v FROM generate_series(1, 3000) AS i; CREATE TABLE credit AS SELECT * FROM debit; ANALYZE debit, credit',
    )
    const writer = await server.client(database)
    let writing = true
    const written = (async () => {
      for (let i = 1; writing; i++) {
        const id = 1 + ((i * 7) % 3000)
        await writer.query(
          `BEGIN; UPDATE debit SET v = v + 1 WHERE id = ${id}; UPDATE credit SET v = v - 1 WHERE id = ${1 + ((i * 13) % 3000)}; COMMIT`,
        )
      }
    })()
    const sumsOf = async () => {
      const run = testRun(server, database, reader, { road, tuning: { leastPages: 1 }, maxConnections: 3 })
      const sums: number[] = []
      for (const table of ['debit', 'credit']) {
        const relation = await run.read({ method: 'table', table })
        expect(relation.parts).toHaveLength(2)
        await relation.close()
        const landed = await run.land({ method: 'table', table }, { columns: { v: 'int64' } })
        sums.push((await valuesOf(landed, '1')).reduce((sum, [value]) => sum + Number(value), 0))
        expect(landed.rows).toBe(3000)
      }
      await run.close()
      return sums
    }
    const seen: number[][] = []
    for (let i = 0; i < 4; i++) seen.push(await sumsOf())
    writing = false
    await written
    await writer.end()
    for (const [debit = 0, credit = 0] of seen) expect(debit + credit).toBe(0)
    expect(new Set(seen.map(([debit]) => debit)).size).toBeGreaterThan(1)
  })

  it('a big table is read in parts side by side, which keep its order', async () => {
    const run = testRun(server, database, reader, { road, tuning: { leastPages: 1 }, maxConnections: 4, threads: 3 })
    const relation = await run.read(event)
    expect(relation.parts).toHaveLength(3)
    await relation.close()
    const landed = await run.land(event)
    expect([landed.rows, landed.files.length]).toEqual([5000, 3])
    const ids = (await valuesOf(landed, undefined)).map(([id]) => Number(id))
    expect(ids).toEqual(Array.from({ length: 5000 }, (_, i) => i + 1))
    await run.close()
  })

  it('where one part fails the others end with it, and what failed is named', async () => {
    await server.query(
      database,
      `DROP TABLE IF EXISTS late; CREATE TABLE late AS SELECT i AS id, CASE i WHEN 4990 THEN 'x' ELSE i::text END AS n FROM generate_series(1, 5000) AS i; ANALYZE late`,
    )
    const run = testRun(server, database, reader, { road, tuning: { leastPages: 1 }, maxConnections: 3 })
    const failed = await errorOf(run.land({ method: 'table', table: 'late' }, { columns: { id: 'int64', n: 'int64' } }))
    expect(failed).toBeInstanceOf(CheckError)
    expect((failed as Error).message).toMatch(/^column "n" row 4990 of public\.late/)
    await run.close()
    const sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'millrace/%'"
    for (let i = 0; i < 100 && (await server.query('postgres', sessions))[0]?.[0] !== '0'; i++)
      await new Promise((done) => setTimeout(done, 20))
    expect(await server.query('postgres', sessions)).toEqual([['0']])
  })

  it('a run that stops cancels its queries on the server, and leaves no session', async () => {
    const stop = new AbortController()
    const run = testRun(server, database, reader, { road, signal: stop.signal })
    const request = { method: 'query', sql: 'SELECT count(*) AS n FROM generate_series(1, 100000000) AS i' } as const
    const columns = { n: 'int64' }
    const landing = errorOf(run.land(request, { columns }))
    const active = async () =>
      (
        await server.query(
          'postgres',
          "SELECT application_name FROM pg_stat_activity WHERE application_name LIKE 'millrace/test/run-1/%' AND state = 'active'",
        )
      ).length
    while ((await active()) === 0) await new Promise((done) => setTimeout(done, 20))
    const reason = new Error('stop')
    const begun = performance.now()
    stop.abort(reason)
    expect(await landing).toBe(reason)
    await run.close()
    for (let i = 0; i < 100 && (await active()) > 0; i++) await new Promise((done) => setTimeout(done, 20))
    expect(await active()).toBe(0)
    expect(performance.now() - begun).toBeLessThan(4_000)
  })

  it('no more sessions than maxConnections are held', async () => {
    await server.query(
      database,
      'DROP TABLE IF EXISTS many; CREATE TABLE many AS SELECT i AS id FROM generate_series(1, 500000) AS i; ANALYZE many',
    )
    const run = testRun(server, database, reader, { road, maxConnections: 3, tuning: { leastPages: 1 } })
    // Small tables share a session.
    expect(run.source.concurrency).toBe(2 * 16)
    let [most, reading] = [0, true]
    const watcher = await server.client('postgres')
    const sessions = async (): Promise<readonly number[]> => {
      const { rows } = await watcher.query("SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'millrace/%'")
      return rows.map(({ pid }) => pid)
    }
    const watched = (async () => {
      while (reading) {
        let held = await sessions()
        // One that was told to end is there for another moment, on a busy machine: the extension does not wait for the server.
        for (let i = 0; i < 4 && held.length > 3; i++) {
          await new Promise((done) => setTimeout(done, 20))
          const now = new Set(await sessions())
          held = held.filter((pid) => now.has(pid))
        }
        most = Math.max(most, held.length)
      }
    })()
    const many = { method: 'table', table: 'many' } as const
    await Promise.all(Array.from({ length: 4 }, () => run.land(many, { columns: { id: 'int64' } })))
    reading = false
    await watched
    await watcher.end()
    await run.close()
    expect(most).toBeGreaterThan(1)
    expect(most).toBeLessThanOrEqual(3)
  })
})

it('one connection is enough', async () => {
  const run = testRun(server, database, reader, { road: 'extension', maxConnections: 1 })
  const columns = await run.source.describe({ dataset: 'd', request: event }, run.ctx)
  expect((await run.land(event, { columns })).rows).toBe(5000)
  expect((await run.land(event, { columns })).rows).toBe(5000)
  const [[sessions] = []] = await server.query('postgres', "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'millrace/%'")
  expect(sessions).toBe('1')
  await run.close()
})

it('rowsPerSecond is kept, also where the extension is', async () => {
  const clock = manualClock()
  const run = testRun(server, database, reader, { road: 'extension', rowsPerSecond: 1000, clock })
  expect((await run.land(event)).rows).toBe(5000)
  await run.close()
  expect(clock.slept.reduce((sum, ms) => sum + ms, 0)).toBeGreaterThanOrEqual(4_900)
})

it('throttle lets a second of rows through after a pause, and no more', async () => {
  const clock = manualClock()
  const pace = throttle(10)
  const ctx = { clock, signal: new AbortController().signal }
  const rows = (count: number) => Buffer.from('a\n'.repeat(count))
  await pace(rows(20), ctx)
  expect(clock.slept).toEqual([2000])
  clock.advance(60_000)
  await pace(rows(10), ctx)
  await pace(rows(10), ctx)
  expect(clock.slept).toEqual([2000, 1000])
})

it('an insecure connection is warned about in each run', async () => {
  const run = testRun(server, database, reader, { insecure: true })
  await run.land(event)
  await run.land(event)
  await run.close()
  const warnings = run.ctx.events.filter(({ type }) => type === 'warning')
  expect(warnings).toEqual([expect.objectContaining({ message: expect.stringMatching(/is not verified: it is configured as insecure$/) })])
})

it('a request of another kind of connection is refused', async () => {
  const run = testRun(server, database, reader)
  expect(await errorOf(run.source.describe({ dataset: 'd', request: { method: 'files', paths: ['x'] } }, run.ctx))).toBeInstanceOf(
    ConfigError,
  )
  await run.close()
})
