import { rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../lib/core/clock.ts'
import { ConfigError, PermanentError, TransientError } from '../../lib/core/errors.ts'
import { append, failure, merge, ROADS, replace, warehouseOn } from '../connectors/postgres/warehouse-kit.ts'
import { testContext } from '../kit/context.ts'
import { type DatabaseProxy, databaseProxy, type ProxyFault } from '../kit/database-proxy.ts'
import { datasetOf } from '../kit/dataset.ts'
import { type TestPostgres, testPostgres } from '../kit/postgres.ts'

let server: TestPostgres
beforeAll(async () => {
  server = await testPostgres({ version: 18, settings: ['max_connections=14'] })
})
afterAll(() => server.stop())

const ONE = "SELECT 1 AS id, 'a' AS value"
const MANY = "SELECT range AS id, repeat('x', 100) || range AS value FROM range(100_000)"

async function proxied(): Promise<DatabaseProxy> {
  const proxy = await databaseProxy(server)
  onTestFinished(() => proxy[Symbol.asyncDispose]())
  return proxy
}

/** A server's sessions of ours that are at work: none once a fault is over. */
const working = () =>
  server.query(
    'postgres',
    "SELECT pid, state, query FROM pg_stat_activity WHERE application_name LIKE 'millrace/%' AND backend_type = 'client backend'",
  )

async function nothingWorks(): Promise<void> {
  for (let i = 0; i < 100 && (await working()).length > 0; i++) await new Promise((done) => setTimeout(done, 50))
  expect(await working()).toEqual([])
}

test('load says what is wrong with a connection: password, database, schema, host, a port where nothing listens', async () => {
  const said = async (options: Parameters<typeof warehouseOn>[1]) => {
    const { load } = await warehouseOn(server, { database: 'postgres', ...options })
    const error = await load('t', append, ONE).catch((thrown: unknown) => thrown)
    return error as ConfigError
  }
  const password = await said({ password: 'wrong-password' })
  expect(password).toBeInstanceOf(ConfigError)
  expect(password.message).toMatch(
    /^connecting to postgres on 127\.0\.0\.1:\d+ failed: password authentication failed for user "postgres" \(28P01\)$/,
  )
  expect(password.place).toMatchObject({ table: 't' })
  expect(await said({ schema: 'nowhere' })).toMatchObject({
    name: 'ConfigError',
    message: expect.stringMatching(/schema "nowhere" does not exist \(3F000\)$/),
  })
  expect(await said({ host: 'no-such-host.invalid' })).toMatchObject({
    message: expect.stringMatching(/the host is unknown$|the name service does not answer/),
  })
  expect(await said({ port: 1 })).toMatchObject({ exitCode: 75, message: expect.stringContaining('nothing listens there') })
  const { warehouse } = await warehouseOn(server, { database: 'postgres', password: 'wrong-password' })
  await failure(warehouse.tokens('test', testContext()), ConfigError)
})

test('the tokens are asked for again where the server cannot be reached', async () => {
  const { warehouse } = await warehouseOn(server, { database: 'postgres', port: 1, retries: 2 })
  const ctx = testContext()
  const error = await failure(warehouse.tokens('test', ctx), TransientError)
  expect(error.message).toMatch(/ failed: nothing listens there \(tried 3 times\)/)
  expect(ctx.events.filter(({ type }) => type === 'retry')).toHaveLength(2)
})

test('load stops at a statement’s time-out and leaves nothing', async () => {
  const { load, rows, tokens, database } = await warehouseOn(server, { statementTimeout: '1s' })
  await load('slow', append, ONE)
  await server.query(
    database,
    'CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(5); RETURN NEW; END $$; CREATE TRIGGER wait BEFORE INSERT ON slow EXECUTE FUNCTION wait()',
  )
  const begun = performance.now()
  const error = await failure(load('slow', append, ONE), TransientError)
  expect(error.message).toMatch(/canceling statement due to statement timeout \(57014\)$/)
  expect(performance.now() - begun).toBeLessThan(4000)
  expect(await rows('SELECT count(*) FROM slow')).toEqual(['1'])
  expect(await tokens()).toEqual(['slow|'])
})

test('load gives up after the lock time-out where somebody holds the table', async () => {
  const { load, rows, database } = await warehouseOn(server, { lockTimeout: '1s' })
  await load('held', append, ONE)
  const holder = await server.client(database)
  try {
    await holder.query('BEGIN; LOCK TABLE held IN SHARE MODE')
    const error = await failure(load('held', append, ONE), TransientError)
    expect(error.message).toMatch(/canceling statement due to lock timeout \(55P03\)$/)
    await holder.query('ROLLBACK')
    await load('held', append, ONE)
  } finally {
    await holder.end()
  }
  expect(await rows('SELECT count(*) FROM held')).toEqual(['2'])
})

test('load tries again while the server has no connection left, and says so when it stays so', async () => {
  const database = await server.createDatabase()
  await server.query(database, "CREATE ROLE plain LOGIN PASSWORD 'plain-secret'; GRANT ALL ON SCHEMA public TO plain")
  const { load, rows } = await warehouseOn(server, { database, user: 'plain', password: 'plain-secret', retries: 2 })
  const sessions: Client[] = []
  try {
    for (let i = 0; i < 20; i++) sessions.push(await server.client(database, { user: 'plain', password: 'plain-secret' }))
  } catch {
    // Full.
  }
  try {
    const ctx = testContext()
    const error = await failure(load('t', append, ONE, { ctx }), TransientError)
    expect(error.message).toMatch(/\(53300\) \(tried 3 times\)$/)
    expect(error.hint).toMatch(/no connection left/)
    expect(ctx.events.filter(({ type }) => type === 'retry')).toHaveLength(2)
    const clock = { ...systemClock, sleep: async () => void (await sessions.pop()?.end()) }
    await load('t', append, ONE, { ctx: testContext({ clock }) })
    expect(await rows('SELECT count(*) FROM t')).toEqual(['1'])
  } finally {
    for (const each of sessions) await each.end()
  }
})

for (const [road, extensions] of ROADS) {
  test(`load survives a connection cut at any byte, once, and is there once, ${road}`, async () => {
    const proxy = await proxied()
    const { folder, load, rows, tokens } = await warehouseOn(server, { host: proxy.host, port: proxy.port, retries: 1 }, extensions)
    const dataset = await datasetOf(
      folder,
      'numbers',
      { id: 'int64', value: 'text' },
      "SELECT range AS id, repeat('x', 100) || range AS value FROM range(20_000)",
    )
    let cut = 0
    for (const [i, bytes] of [10, 700, 1500, 3000, 200_000, 1_200_000].entries()) {
      const before = proxy.faults
      proxy.cutOnceAfter(bytes)
      expect(
        await load(`t${i % 2}`, i % 2 === 0 ? replace : merge, '', { dataset, ctx: testContext({ clock: systemClock }) }),
      ).toMatchObject({ rows: 20_000 })
      cut += proxy.faults - before
      expect(await rows(`SELECT count(*) FROM t${i % 2}`)).toEqual(['20000'])
    }
    expect(cut).toBeGreaterThanOrEqual(5)
    expect(await tokens()).toEqual(['t0|', 't1|'])
    await nothingWorks()
  })

  test(`load is made again when its connection is lost before the server has answered the COPY, ${road}`, async () => {
    const proxy = await proxied()
    const { load, rows } = await warehouseOn(server, { host: proxy.host, port: proxy.port, retries: 1 }, extensions)
    await load('t', append, ONE)
    for (const fault of ['cutBefore', 'loseReply'] as const) {
      proxy.once('COPY ', fault)
      expect(await load('t', append, MANY, { ctx: testContext({ clock: systemClock }) })).toMatchObject({ rows: 100_000 })
    }
    expect(proxy.faults).toBe(2)
    expect(await rows('SELECT count(*) FROM t')).toEqual(['200001'])
    await nothingWorks()
  })

  test(`load survives the server’s restart in the middle, ${road}`, async () => {
    const { load, rows, database } = await warehouseOn(server, { retries: 6 }, extensions)
    await load('t', replace, ONE)
    const ctx = testContext({ clock: systemClock })
    const loading = load('t', replace, MANY, { ctx })
    while (
      (await server.query(database, "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'COPY %' AND pid <> pg_backend_pid()")).length === 0
    )
      await new Promise((done) => setTimeout(done, 5))
    await server.restart('immediate')
    expect(await loading).toMatchObject({ rows: 100_000, removed: 1 })
    expect(ctx.events.some(({ type }) => type === 'retry')).toBe(true)
    expect(await rows('SELECT count(*) FROM t')).toEqual(['100000'])
  })

  test(`load stops soon when it is aborted while the server computes, and the server with it, ${road}`, async () => {
    const { load, rows, database } = await warehouseOn(server, {}, extensions)
    await load('slow', append, ONE)
    await server.query(
      database,
      'CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(30); RETURN NEW; END $$; CREATE TRIGGER wait AFTER INSERT ON slow EXECUTE FUNCTION wait()',
    )
    const control = new AbortController()
    const loading = load('slow', append, ONE, { ctx: testContext({ signal: control.signal }) })
    setTimeout(() => control.abort(new Error('enough')), 400)
    const begun = performance.now()
    await expect(loading).rejects.toThrow('enough')
    expect(performance.now() - begun).toBeLessThan(4000)
    await nothingWorks()
    expect(await rows('SELECT count(*) FROM slow')).toEqual(['1'])
  })
}

/** As the driver says it, not as a part of `READ COMMITTED`. */
const COMMIT = 'COMMIT\0'

describe('load, when COMMIT', () => {
  const cases: readonly (readonly [name: string, fault: ProxyFault])[] = [
    ['is heard and its reply lost', 'loseReply'],
    ['is heard and the connection goes silent', 'freezeAfter'],
    ['is never heard', 'cutBefore'],
    ['is never heard and the connection goes silent', 'freezeBefore'],
  ]
  for (const [name, fault] of cases)
    test(`${name}, is there once: adopted or made again`, async () => {
      const proxy = await proxied()
      const { load, rows, tokens } = await warehouseOn(server, {
        host: proxy.host,
        port: proxy.port,
        retries: 1,
        statementTimeout: '1s',
        connectTimeout: '1s',
      })
      await load('t', append, ONE)
      const ctx = testContext({ clock: systemClock })
      proxy.once(COMMIT, fault)
      expect(await load('t', append, ONE, { ctx })).toEqual({ rows: 1, superseded: 0, removed: 0, added: [] })
      expect(proxy.faults).toBe(1)
      expect(ctx.events.filter(({ type }) => type === 'retry')).toHaveLength(fault.endsWith('Before') ? 1 : 0)
      expect(await rows('SELECT count(*) FROM t')).toEqual(['2'])
      expect(await tokens()).toEqual(['t|'])
      await nothingWorks()
    })

  test('is never heard, and nobody answers any more: says that the outcome is open, and the next run finds out', async () => {
    const proxy = await proxied()
    const { load, rows } = await warehouseOn(server, { host: proxy.host, port: proxy.port })
    await load('t', append, ONE)
    proxy.once(COMMIT, 'loseReply')
    const clock = { ...systemClock, sleep: async () => {} }
    const loading = load('t', append, ONE, { ctx: testContext({ clock }) })
    while (proxy.faults === 0) await new Promise((done) => setTimeout(done, 1))
    await proxy[Symbol.asyncDispose]()
    const error = await failure(loading, TransientError)
    expect(error.message).toMatch(/^the connection was lost at COMMIT, and the server does not say whether it has committed/)
    expect(await rows('SELECT count(*) FROM t')).toEqual(['2'])
  })
})

test('load notices a connection that has gone silent in the middle, and the server lets go of it', async () => {
  const proxy = await proxied()
  const { load, rows } = await warehouseOn(server, { host: proxy.host, port: proxy.port, statementTimeout: '1s', connectTimeout: '1s' })
  await load('t', append, ONE)
  proxy.once('INSERT INTO', 'freezeBefore')
  const begun = performance.now()
  const error = await failure(load('t', append, ONE), TransientError)
  expect(error.message).toBe('the server does not answer any more')
  expect(performance.now() - begun).toBeLessThan(6000)
  await proxy[Symbol.asyncDispose]()
  await nothingWorks()
  expect(await rows('SELECT count(*) FROM t')).toEqual(['1'])
})

test('load refuses to go on where the server’s disk is full, and goes on when there is room', async () => {
  const { load, rows, tokens, database } = await warehouseOn(server)
  await load('full', append, 'SELECT 1 AS id, NULL AS value WHERE false')
  const [[relation]] = (await server.query(database, "SELECT pg_relation_filepath('full')")) as [[string]]
  const file = join(server.folder, relation)
  // The table's file is a disk without room: the kernel answers every write with ENOSPC, the server with 53100.
  await rename(file, `${file}.kept`)
  await symlink('/dev/full', file)
  try {
    const error = await failure(load('full', append, ONE), PermanentError)
    expect(error.message).toMatch(/could not extend file ".*": No space left on device.*\(53100\)$/)
    expect(error.hint).toMatch(/make room/)
  } finally {
    await rm(file)
    await rename(`${file}.kept`, file)
  }
  expect(await load('full', append, MANY)).toMatchObject({ rows: 100_000 })
  expect(await rows('SELECT count(*) FROM "full"')).toEqual(['100000'])
  expect(await tokens()).toEqual(['full|'])
})

test('load waits for its turn at a table, and says so when it does not come', async () => {
  const { load, database } = await warehouseOn(server, { statementTimeout: '1s' })
  const holder = await server.client(database)
  try {
    await holder.query("BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('millrace load public.t', 0))")
    const error = await failure(load('t', append, ONE), TransientError)
    expect(error.message).toBe('another run is loading "t", and has not ended in the time that it was waited for')
    const waiting = load('t', append, ONE)
    while ((await server.query(database, "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'advisory'")).length === 0)
      await new Promise((done) => setTimeout(done, 10))
    await holder.query('COMMIT')
    expect(await waiting).toMatchObject({ rows: 1 })
  } finally {
    await holder.end()
  }
})

test('load says what is wrong on this side: a workspace that cannot be used, a dataset’s file that is gone, an extension that is none', async () => {
  const { folder, load, rows } = await warehouseOn(server)
  await load('t', append, ONE)
  const file = join(folder, 'file')
  await writeFile(file, 'no extension')
  const workspace = await failure(load('t', append, ONE, { ctx: testContext({ workspace: file }) }), PermanentError)
  expect(workspace.message).toContain(`${file} (ENOTDIR)`)
  expect(workspace.place).toMatchObject({ table: 't' })
  const dataset = await datasetOf(folder, 'numbers', { id: 'int64', value: 'text' }, ONE)
  await rm(dataset.files[0] ?? '')
  const gone = await failure(load('t', append, '', { dataset }), PermanentError)
  expect(gone.message).toMatch(/^a file of the dataset cannot be read: /)
  expect(gone.hint).toContain('--force')
  const other = await warehouseOn(server, {}, { file: () => file })
  const extension = await failure(other.load('t', append, ONE), PermanentError)
  expect(extension.message).toContain(`DuckDB does not load its extension ${file}: `)
  expect(await rows('SELECT count(*) FROM t')).toEqual(['1'])
})

test('load warns once where anybody may be between', async () => {
  const { load } = await warehouseOn(server, { insecure: true })
  const ctx = testContext()
  await load('t', append, ONE, { ctx })
  await load('t', append, ONE, { ctx })
  expect(ctx.events.filter(({ type }) => type === 'warning')).toEqual([
    expect.objectContaining({ message: expect.stringMatching(/^insecure: whoever is between can read and change what goes to t_/) }),
  ])
})

test('a run that has nothing to load is warned, too', async () => {
  const { warehouse } = await warehouseOn(server, { insecure: true })
  const ctx = testContext()
  for (let i = 0; i < 2; i++) await warehouse.tokens('test', ctx)
  expect(ctx.events.filter(({ type }) => type === 'warning')).toHaveLength(1)
})

test('load makes the table of tokens once, however many come first at once', async () => {
  for (let i = 0; i < 3; i++) {
    const { load, tokens } = await warehouseOn(server)
    await Promise.all(['a', 'b', 'c'].map((table) => load(table, append, ONE)))
    expect(await tokens()).toEqual(['a|', 'b|', 'c|'])
  }
})
