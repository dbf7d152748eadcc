import { createHash } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../lib/core/clock.ts'
import { TransientError } from '../../lib/core/errors.ts'
import { NO_EXTENSIONS } from '../../lib/engines/extensions.ts'
import { ALWAYS, FILLINGS, many, NEVER, writersOf } from '../connectors/postgres/first-load-kit.ts'
import { append, failure, ROADS, replace, replacePartition, warehouseOn } from '../connectors/postgres/warehouse-kit.ts'
import { startNode } from '../kit/child.ts'
import { testContext } from '../kit/context.ts'
import { databaseProxy } from '../kit/database-proxy.ts'
import { type TestPostgres, testPostgres } from '../kit/postgres.ts'

let server: TestPostgres
beforeAll(async () => {
  server = await testPostgres({ version: 18 })
})
afterAll(() => server.stop())

const ONE = "SELECT 1 AS id, 'a' AS value"

const working = () => server.query('postgres', "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'millrace/%'")

async function nothingWorks(): Promise<void> {
  for (let i = 0; i < 200 && (await working()).length > 0; i++) await pause(50)
  expect(await working()).toEqual([])
}

/** A process that makes the first load of `t` and kills itself before it says `text` to the server for the nth time. */
const dying = (database: string, dataset: unknown, text: string, nth: number) => `
import { Socket } from 'node:net'
import { Duplex } from 'node:stream'
const lib = (path) => import(new URL('../../lib/' + path, ${JSON.stringify(import.meta.url)}).href)
let left = ${nth}
Socket.prototype.write = function (bytes, ...rest) {
  if (this.remotePort === ${server.port} && Buffer.from(bytes).includes(${JSON.stringify(text)}) && --left === 0) process.kill(process.pid, 'SIGKILL')
  return Duplex.prototype.write.call(this, bytes, ...rest)
}
const { openWarehouse } = await lib('connectors/postgres/warehouse.ts')
const { settingsOf } = await lib('connectors/postgres/options.ts')
const { sharedServer } = await lib('connectors/postgres/server.ts')
const { NO_EXTENSIONS } = await lib('engines/extensions.ts')
const { systemClock } = await lib('core/clock.ts')
const options = ${JSON.stringify({ host: server.host, port: server.port, user: server.user, password: server.password, database })}
const warehouse = openWarehouse(settingsOf(options), sharedServer(options)(), { extensions: NO_EXTENSIONS }, ${JSON.stringify(ALWAYS)})
const limits = { memoryBytes: 2 ** 28, threads: 2, readerMemoryBytes: 2 ** 30, readerTimeoutMs: 60000 }
const ctx = { pipeline: 'test', run: 'killed', clock: systemClock, signal: new AbortController().signal, limits, emit: () => {}, workspace: process.cwd() }
const token = { pipeline: 'test', table: 't', partition: '', inputKey: 'killed', loads: {} }
await warehouse.load({ dataset: ${JSON.stringify(dataset)}, table: 't', disposition: { mode: 'replacePartition' }, expected: undefined, token, load: '000001' }, ctx)
`

const MOMENTS: readonly (readonly [when: string, text: string, nth: number])[] = [
  ['its table is made, and not committed', 'pg_publication_tables', 1],
  ['its table is committed, and empty', 'BEGIN ISOLATION', 2],
  ['rows of the first part are on their way', 'value 5000', 1],
  ['rows of the second part are on their way', 'value 15000', 1],
  ['one part is there', 'COMMIT\0', 4],
  ['both parts are there', 'BEGIN ISOLATION', 4],
  ['the table has its name, and not committed', 'ADD COLUMN', 1],
  ['only COMMIT is left', 'COMMIT\0', 5],
  ['all is committed', 'ANALYZE', 1],
]

for (const [i, [when, text, nth]] of MOMENTS.entries()) {
  const [by, two] = i % 2 === 0 ? ['two', ALWAYS] : ['one', NEVER]
  test(`a first load that is killed when ${when} leaves nothing that readers see, and nothing at all after the next, by ${by}`, async () => {
    const { folder, warehouse, rows, database } = await warehouseOn(server, {}, NO_EXTENSIONS, two)
    const dataset = await many(folder)
    expect(await startNode(dying(database, dataset, text, nth), { cwd: folder }).ended()).toEqual({ code: null, output: '' })
    await nothingWorks()
    const committed = when === 'all is committed'
    expect(await rows("SELECT relname FROM pg_class WHERE relname = 't'")).toEqual(committed ? ['t'] : [])
    expect((await rows(FILLINGS)).length).toBe(i === 0 || committed ? 0 : 1)
    const ctx = testContext()
    const tokens = await warehouse.tokens('test', ctx)
    expect(tokens.length).toBe(committed ? 1 : 0)
    const token = { pipeline: 'test', table: 't', partition: '', inputKey: 'again', loads: {} }
    const request = { dataset, table: 't', disposition: replacePartition, expected: tokens[0], token, load: '000001' }
    await warehouse.load(request, ctx)
    expect(await rows('SELECT count(*), count(DISTINCT id), min(_load) FROM t')).toEqual(['20000|20000|000001'])
    expect(await rows(writersOf('t'))).toEqual([two === ALWAYS && !committed ? '2' : '1'])
    expect(await rows(FILLINGS)).toEqual([])
    expect(ctx.events.filter(({ type }) => type === 'warning')).toEqual([])
  })
}

for (const [road, extensions] of ROADS)
  test(`a first load by two connections survives a connection cut at any byte, once, ${road}`, async () => {
    const proxy = await databaseProxy(server)
    onTestFinished(() => proxy[Symbol.asyncDispose]())
    const { folder, load, rows, tokens, database } = await warehouseOn(
      server,
      { host: proxy.host, port: proxy.port, retries: 1 },
      extensions,
      ALWAYS,
    )
    const dataset = await many(folder, 40_000)
    let cut = 0
    for (const bytes of [700, 1400, 1800, 2300, 2800, 20_000, 200_000, 300_000]) {
      const before = proxy.faults
      proxy.cutOnceAfter(bytes)
      expect(await load('t', replace, '', { dataset, ctx: testContext({ clock: systemClock }) })).toMatchObject({ rows: 40_000 })
      cut += proxy.faults - before
      expect(await rows('SELECT count(*), count(DISTINCT id) FROM t')).toEqual(['40000|40000'])
      expect(await rows(FILLINGS)).toEqual([])
      await server.query(database, 'DROP TABLE t')
    }
    expect(cut).toBeGreaterThanOrEqual(6)
    expect(await tokens()).toEqual([])
    await nothingWorks()
  })

for (const text of ['COPY ', 'COMMIT\0', 'pg_advisory_lock(', 'LOCK TABLE', 'RENAME TO', 'INSERT INTO "public"._millrace_tokens'])
  test(`a first load by two connections is there once where a connection is lost at ${JSON.stringify(text)}`, async () => {
    for (const fault of ['cutBefore', 'loseReply'] as const) {
      const proxy = await databaseProxy(server)
      onTestFinished(() => proxy[Symbol.asyncDispose]())
      const { folder, load, rows } = await warehouseOn(server, { host: proxy.host, port: proxy.port, retries: 1 }, NO_EXTENSIONS, ALWAYS)
      const dataset = await many(folder)
      await load('other', append, ONE)
      proxy.once(text, fault)
      expect(await load('t', replace, '', { dataset, ctx: testContext({ clock: systemClock }) })).toMatchObject({ rows: 20_000 })
      expect(proxy.faults).toBe(1)
      expect(await rows('SELECT count(*), count(DISTINCT id) FROM t')).toEqual(['20000|20000'])
      expect(await rows(FILLINGS)).toEqual([])
    }
    await nothingWorks()
  })

/** A table as a killed load of `t` leaves it. */
const left = (digits: string, comment = true, table = 't') => {
  const name = `_millrace_${createHash('sha256').update(table).digest('hex').slice(0, 16)}_${digits}`
  const text = `Rows on their way into "${table}": millrace gives the table that name once all are there. Where no load of it is at work this is left of one that was killed, and the next one drops it.`
  return { name, sql: `CREATE TABLE ${name} (id bigint);${comment ? `COMMENT ON TABLE ${name} IS '${text}'` : ''}` }
}

test('the next load of a table, of whatever size, drops what a killed one has left, and nothing of anybody else', async () => {
  const { load, rows, database } = await warehouseOn(server)
  const [mine, again, other, unsaid] = [
    left('0123456789ab'),
    left('fedcba987654'),
    left('0123456789ab', true, 'u'),
    left('000000000000', false),
  ]
  await server.query(database, `${mine.sql}; ${other.sql}; ${unsaid.sql}`)
  await load('t', append, ONE)
  expect(await rows(FILLINGS)).toEqual([unsaid.name, other.name].sort())
  await server.query(database, again.sql)
  await load('t', append, ONE)
  expect(await rows(FILLINGS)).toEqual([unsaid.name, other.name].sort())
  await load('u', replace, ONE)
  expect(await rows(FILLINGS)).toEqual([unsaid.name])
})

test('what a load that is at work has made stays', async () => {
  const { folder, load, rows, database } = await warehouseOn(server, { statementTimeout: '1s' }, NO_EXTENSIONS, ALWAYS)
  const dataset = await many(folder)
  const mine = left('0123456789ab')
  await server.query(database, mine.sql)
  const owner = await server.client(database)
  await owner.query("SELECT pg_advisory_lock(hashtextextended('millrace load public.t', 0))")
  for (const given of [{ dataset }, {}]) {
    const error = await failure(load('t', append, ONE, given), TransientError)
    expect(error.message).toBe('another run is loading "t", and has not ended in the time that it was waited for')
  }
  expect(await rows(FILLINGS)).toEqual([mine.name])
  await owner.end()
  await load('t', append, '', { dataset })
  expect(await rows(FILLINGS)).toEqual([])
})

test('a load goes on where what a killed one has left cannot be dropped, and says so', async () => {
  const { load, rows, database } = await warehouseOn(server)
  const mine = left('0123456789ab')
  await server.query(database, `${mine.sql}; CREATE VIEW upon AS SELECT * FROM ${mine.name}`)
  const ctx = testContext()
  await load('t', append, ONE, { ctx })
  expect(ctx.events.filter(({ type }) => type === 'warning')).toEqual([
    expect.objectContaining({
      message: `"${mine.name}" is left of a load of "t" that was killed, and cannot be dropped: cannot drop table ${mine.name} because other objects depend on it`,
    }),
  ])
  expect(await rows('SELECT count(*) FROM t')).toEqual(['1'])
  expect(await rows(FILLINGS)).toEqual([mine.name])
})
