import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../lib/core/clock.ts'
import { CheckError, ConfigError, MillraceError, TransientError } from '../../lib/core/errors.ts'
import { Secret } from '../../lib/core/secret.ts'
import type { Reader } from '../../lib/engines/reader.ts'
import { errorOf, ROADS, testReader, testRun, valuesOf } from '../connectors/postgres/kit.ts'
import { answerProxy } from '../kit/answer-proxy.ts'
import { type TestPostgres, testPostgres } from '../kit/postgres.ts'

let server: TestPostgres
let reader: Reader
let database: string
beforeAll(async () => {
  ;[server, reader] = [await testPostgres(), testReader()]
  database = await server.createDatabase()
  await server.query(
    database,
    'CREATE TABLE numbers AS SELECT i::int4 AS id, repeat(md5(i::text), 3) AS text FROM generate_series(1, 5000) AS i',
  )
})
afterAll(async () => {
  await reader.close()
  await server.stop()
})
beforeEach(() =>
  server.query(
    database,
    "SET lock_timeout = '5s'; DROP TABLE IF EXISTS item CASCADE; CREATE TABLE item AS SELECT i::int4 AS id, i::int4 AS v FROM generate_series(1, 10) AS i",
  ),
)

const item = { method: 'table', table: 'item' } as const
const numbers = { method: 'table', table: 'numbers' } as const
const slow = (seconds: number) =>
  ({ method: 'query', sql: `SELECT i, pg_sleep(${seconds} / 100.0)::text AS s FROM generate_series(1, 100) AS i` }) as const

/** What fails, its run closed. */
async function failure(
  road: 'copy' | 'extension',
  options: Parameters<typeof testRun>[3],
  request: Parameters<ReturnType<typeof testRun>['land']>[0],
  more = {},
) {
  const run = testRun(server, database, reader, { road, ...options })
  try {
    return (await errorOf(run.land(request, more))) as MillraceError
  } finally {
    await run.close()
  }
}

/** Sessions of millrace that the server knows, in the end. */
async function sessionsLeft(): Promise<number> {
  for (let i = 0; ; i++) {
    const [[left] = []] = await server.query('postgres', "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'millrace/%'")
    if (left === '0' || i === 40) return Number(left)
    await new Promise((done) => setTimeout(done, 50))
  }
}

describe('a connection that cannot be made', () => {
  it('a wrong password is the configuration, and is not shown', async () => {
    const error = await failure('copy', { password: new Secret('env:WRONG', () => 'planted-wrong-password') }, item)
    expect(error).toBeInstanceOf(ConfigError)
    expect(error.message).toMatch(/^connecting to .* failed: password authentication failed for user "postgres" \(28P01\)$/)
    expect(JSON.stringify([error.message, error.stack, error.hint, error.place, String(error.cause)])).not.toContain('planted')
  })

  it('an unknown host is named', async () => {
    const error = await failure('copy', { host: 'nowhere.invalid', tls: {} }, item)
    expect(error.message).toMatch(
      /^connecting to .* on nowhere\.invalid:\d+ failed: (the host is unknown|the name service does not answer.*)$/,
    )
  })

  it('a port where nothing listens is tried again, then later', async () => {
    const error = await failure('copy', { port: 1, retries: 2 }, item)
    expect(error).toBeInstanceOf(TransientError)
    expect(error.message).toMatch(/failed: nothing listens there \(tried 3 times\)$/)
  })

  it('an unknown database and an unknown role are the configuration', async () => {
    const run = testRun(server, 'nowhere', reader)
    expect(await errorOf(run.land(item))).toMatchObject({
      exitCode: 2,
      message: expect.stringMatching(/database "nowhere" does not exist \(3D000\)/),
    })
    await run.close()
    expect(await failure('copy', { user: 'nobody' }, item)).toMatchObject({ exitCode: 2, message: expect.stringMatching(/"nobody" \(28/) })
  })

  it.each(ROADS)('no connection left, by %s', async (road) => {
    await server.query(
      database,
      "DROP ROLE IF EXISTS one; CREATE ROLE one LOGIN PASSWORD 'of-one' CONNECTION LIMIT 1; GRANT SELECT ON item TO one",
    )
    const error = await failure(road, { user: 'one', password: 'of-one', retries: 1 }, item)
    await server.query(database, 'DROP OWNED BY one; DROP ROLE one')
    expect(error).toBeInstanceOf(TransientError)
    expect(error.message).toMatch(/too many connections for role "one" \(53300\) \(tried 2 times\)/)
    expect(error.hint).toMatch(/lower maxConnections/)
  })

  it('rights that are missing are named', async () => {
    await server.query(database, "DROP ROLE IF EXISTS poor; CREATE ROLE poor LOGIN PASSWORD 'of-poor'")
    const error = await failure('copy', { user: 'poor', password: 'of-poor' }, item)
    expect(error).toMatchObject({
      exitCode: 2,
      message: expect.stringMatching(/reading public\.item from .* failed: permission denied for table item \(42501\)/),
    })
  })
})

describe.each(ROADS)('by %s', (road) => {
  it('a column that was dropped since the last run is named', async () => {
    await server.query(database, 'ALTER TABLE item DROP COLUMN v')
    const error = await failure(road, {}, item, { columns: { id: 'int32', v: 'int32' } })
    expect(error).toBeInstanceOf(CheckError)
    expect(error.message).toBe('public.item has no column "v"; it has "id"')
    expect(error.place).toMatchObject({ dataset: 'd', column: 'v' })
  })

  it('a column of another type than in the last run comes exactly, or is refused', async () => {
    const columns = { id: 'int32', v: 'int32' }
    await server.query(database, 'ALTER TABLE item ALTER COLUMN v TYPE text')
    const run = testRun(server, database, reader, { road })
    const landed = await run.land(item, { columns })
    expect((await valuesOf(landed, 't.id')).at(-1)).toEqual(['10', '10'])
    await run.close()
    await server.query(database, "UPDATE item SET v = 'abcd' WHERE id = 3")
    const error = await failure(road, {}, item, { columns })
    expect(error).toMatchObject({
      exitCode: 3,
      message: expect.stringMatching(/column "v" row \d+ of public\.item: "abcd" is not an int32/),
    })
  })

  it('a table that is retyped while it is read waits, and the next run sees it', async () => {
    const run = testRun(server, database, reader, { road })
    const relation = await run.read(item)
    const altering = server.query(database, 'ALTER TABLE item ALTER COLUMN v TYPE text')
    const waits = async () =>
      (await server.query('postgres', "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'ALTER%' AND wait_event_type = 'Lock'")).length
    while ((await waits()) === 0) await new Promise((done) => setTimeout(done, 10))
    await relation.close()
    await run.close()
    await altering
    const next = testRun(server, database, reader, { road })
    expect(await next.source.describe({ dataset: 'd', request: item }, next.ctx)).toEqual({ id: 'int32', v: 'text' })
    await next.close()
  })

  it.each([
    ['retyped', 'ALTER TABLE item ALTER COLUMN v TYPE text', 'item'],
    ['truncated', 'TRUNCATE item', 'item'],
    ['replaced', 'CREATE TABLE other AS SELECT * FROM item; DROP TABLE item; ALTER TABLE other RENAME TO item', 'item'],
    ['truncated below a view', 'TRUNCATE item', 'above'],
  ])('a table that is %s after the snapshot is not taken for an empty one', async (_, change, table) => {
    if (table === 'above') await server.query(database, 'CREATE VIEW above AS SELECT * FROM item')
    const run = testRun(server, database, reader, { road })
    await run.land(numbers)
    await server.query(database, change)
    const error = await errorOf(run.land({ method: 'table', table }))
    await run.close()
    expect(error).toBeInstanceOf(TransientError)
    expect((error as Error).message).toMatch(/item was made or rewritten after this run's snapshot was taken$/)
    const next = testRun(server, database, reader, { road })
    expect((await next.land(item)).rows).toBe(change.startsWith('TRUNCATE') ? 0 : 10)
    await next.close()
  })

  it('a statement that takes too long ends on the server', async () => {
    const error = await failure(road, { exact: { statementTimeoutMs: 300 } }, slow(5))
    expect(error).toBeInstanceOf(TransientError)
    expect(error.message).toMatch(/^reading query ".*" from .* failed: canceling statement due to statement timeout \(57014\)$/)
    expect(error.hint).toMatch(/statementTimeout/)
    expect(await sessionsLeft()).toBe(0)
  })

  it("another's lock is waited for as long as lockTimeout says", async () => {
    const holder = await server.client(database)
    await holder.query('BEGIN; LOCK TABLE item')
    const error = await failure(road, { exact: { lockTimeoutMs: 200 } }, item)
    await holder.end()
    expect(error).toBeInstanceOf(TransientError)
    expect(error.message).toMatch(/canceling statement due to lock timeout \(55P03\)$/)
    expect(error.hint).toMatch(/lockTimeout/)
  })

  it('a lock that waits for this run is not waited for without end', async () => {
    const run = testRun(server, database, reader, { road, exact: { lockTimeoutMs: 200 } })
    const relation = await run.read(item)
    const altering = server.query(database, 'ALTER TABLE item ADD COLUMN w int4').catch((error: unknown) => error)
    const waits = async () =>
      (await server.query('postgres', "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'ALTER%' AND wait_event_type = 'Lock'")).length
    while ((await waits()) === 0) await new Promise((done) => setTimeout(done, 10))
    const error = await errorOf(run.land(item))
    await relation.close()
    await run.close()
    await altering
    expect(error).toBeInstanceOf(TransientError)
    expect((error as Error).message).toMatch(/lock timeout \(55P03\)$/)
  })

  it('an error of the query in mid-read is the data', async () => {
    const error = await failure(road, {}, { method: 'query', sql: 'SELECT i, 100 / (9000 - i) AS v FROM generate_series(1, 10000) AS i' })
    expect(error).toMatchObject({ exitCode: 3, message: expect.stringMatching(/failed: division by zero/) })
  })

  it.each(['fast', 'immediate'] as const)('a server that restarts (%s) in mid-read is read again on a new snapshot', async (mode) => {
    const run = testRun(server, database, reader, { road, retries: 8, clock: systemClock })
    const landing = run.land(slow(1))
    await new Promise((done) => setTimeout(done, 500))
    await server.restart(mode)
    expect((await landing).rows).toBe(100)
    expect(run.ctx.events.filter(({ type }) => type === 'retry').length).toBeGreaterThan(0)
    await run.close()
  })

  it('a snapshot that is lost after something was read on it ends the run', async () => {
    const run = testRun(server, database, reader, { road })
    await run.land(item)
    await server.restart('fast')
    const error = await errorOf(run.land(numbers))
    await run.close()
    expect(error).toBeInstanceOf(TransientError)
    expect((error as Error).message).toBe("the session that holds this run's snapshot was lost after 1 read on it")
    expect((error as MillraceError).exitCode).toBe(75)
  })

  it.each([0, 1, 60, 400, 700, 20_000, 65_536, 300_000])(
    'a connection that is cut after %i bytes is made anew, or the read fails',
    async (afterBytes) => {
      await using proxy = await answerProxy(server)
      for (const how of ['cut', 'end'] as const) {
        // The first is the control session's, the second reads.
        proxy.plan((n) => (n === 2 ? { how, afterBytes } : undefined))
        const again = testRun(server, database, reader, { road, port: proxy.port })
        expect((await again.land(numbers)).rows).toBe(5000)
        await again.close()
        proxy.plan((n) => (n === 2 ? { how, afterBytes } : undefined))
        const once = testRun(server, database, reader, { road, port: proxy.port, retries: 0 })
        const outcome = await once.land(numbers).catch((error: unknown) => error)
        await once.close()
        // What is cut before its transaction the extension makes anew by itself.
        if (outcome instanceof Error || road === 'copy') {
          expect(outcome).toBeInstanceOf(TransientError)
          expect((outcome as MillraceError).place).toMatchObject({ dataset: 'd' })
        } else expect(outcome).toMatchObject({ rows: 5000 })
      }
      expect(proxy.faults).toBe(4)
      expect(await sessionsLeft()).toBe(0)
    },
  )

  it('a half-open connection is noticed', async () => {
    await using proxy = await answerProxy(server)
    const run = testRun(server, database, reader, { road, port: proxy.port, retries: 0, tuning: { silenceMs: 300, answerMs: 300 } })
    const columns = await run.source.describe({ dataset: 'd', request: slow(3) }, run.ctx)
    const landing = errorOf(run.land(slow(3), { columns }))
    await new Promise((done) => setTimeout(done, 500))
    proxy.stallAll()
    const error = await landing
    expect(error).toBeInstanceOf(TransientError)
    expect((error as Error).message).toMatch(/failed: the server does not answer any more$/)
    await run.close()
  })

  it('no error of a server or a connection shows the password', async () => {
    await server.query(
      database,
      "DROP ROLE IF EXISTS secretive; CREATE ROLE secretive LOGIN PASSWORD 'planted-secret' IN ROLE pg_read_all_data",
    )
    const login = { user: 'secretive', password: new Secret('env:PLANTED', () => 'planted-secret') }
    await using proxy = await answerProxy(server)
    const errors: unknown[] = [await failure(road, { ...login, exact: { statementTimeoutMs: 200 } }, slow(2))]
    errors.push(await failure(road, login, { method: 'query', sql: 'SELECT 1 / (i - 5) AS v FROM generate_series(1, 9) AS i' }))
    for (const afterBytes of [0, 200, 2000]) {
      proxy.plan((n) => (n === 2 ? { how: 'cut', afterBytes } : undefined))
      errors.push(await failure(road, { ...login, port: proxy.port, retries: 0 }, numbers))
    }
    for (const error of errors as MillraceError[]) {
      expect(error).toBeInstanceOf(MillraceError)
      for (let each: unknown = error; each instanceof Error; each = each.cause)
        expect(`${each.message}\n${each.stack}`).not.toContain('planted-secret')
    }
  })
})

describe.each(ROADS)('what a server sends and does not arrive, by %s,', (road) => {
  it.each([
    ['all of it', 2_000],
    ['more than fits on the way', 100_000],
  ])('is noticed while the control session lives, and the session ends: %s', async (_, rows) => {
    await using proxy = await answerProxy(server)
    proxy.plan((n) => (n === 2 ? { how: 'stall', afterBytes: 20_000 } : undefined))
    const sql = `SELECT repeat('x', 1000) AS v FROM generate_series(1, ${rows}) AS i`
    const error = await failure(
      road,
      { port: proxy.port, retries: 0, tuning: { silenceMs: 2_000, answerMs: 5_000 } },
      { method: 'query', sql },
    )
    expect(error).toBeInstanceOf(TransientError)
    expect(error.message).toMatch(/failed: what the server sends does not arrive$/)
    expect(await sessionsLeft()).toBe(0)
  })
})

it('a long silence of a server that is at work is borne', async () => {
  const run = testRun(server, database, reader, { tuning: { silenceMs: 100, answerMs: 2_000 } })
  const landed = await run.land({ method: 'query', sql: "SELECT 'x' AS v FROM (SELECT pg_sleep(1)) AS s" })
  await run.close()
  expect(landed.rows).toBe(1)
})
