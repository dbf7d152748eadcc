import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import type { Frames } from '../../lib/connectors/frames.ts'
import { local } from '../../lib/connectors/local/index.ts'
import { type PostgresOptions, postgres } from '../../lib/connectors/postgres/index.ts'
import { ConfigError, type MillraceError, TransientError } from '../../lib/core/errors.ts'
import { NO_EXTENSIONS } from '../../lib/engines/extensions.ts'
import { landUndecoded } from '../../lib/land/land-undecoded.ts'
import { framesOfLoad } from '../../lib/land/undecoded-frames.ts'
import { receive } from '../../lib/load/receive.ts'
import type { LoadManifest } from '../../lib/state/manifest.ts'
import { hastyClock } from '../connectors/postgres/kit.ts'
import { failure } from '../connectors/postgres/warehouse-kit.ts'
import { temporaryFolder, testContext } from '../kit/context.ts'
import { databaseProxy } from '../kit/database-proxy.ts'
import { noReader } from '../kit/no-reader.ts'
import { type TestPostgres, testPostgres } from '../kit/postgres.ts'

let old: TestPostgres
let young: TestPostgres
beforeAll(async () => {
  ;[old, young] = await Promise.all([testPostgres({ version: 15 }), testPostgres({ version: 18 })])
})
afterAll(() => Promise.all([old?.stop(), young?.stop()]))

/** Lands table `t` of one server, and loads what has landed into the other. */
async function setup({ from, to }: { readonly from: TestPostgres; readonly to: TestPostgres } = { from: old, to: young }) {
  const [a, b] = [await from.createDatabase(), await to.createDatabase()]
  const options = ({ host, port, user, password }: TestPostgres, database: string): PostgresOptions => ({
    ...{ host, port, user, password, database },
  })
  const store = local(join(temporaryFolder(), 'landing')).openStore()
  const ctx = testContext({ clock: hastyClock })
  const joined = (server: TestPostgres, database: string) => async (sql: string) =>
    (await server.query(database, sql)).map((row) => row.map((value) => value ?? '∅').join('|'))
  return {
    ctx,
    source: joined(from, a),
    warehouse: joined(to, b),
    land: async (more: Partial<PostgresOptions> = {}, tap = (frames: Frames) => frames): Promise<LoadManifest> => {
      const source = postgres({ ...options(from, a), ...more }).openSource({ reader: noReader, extensions: NO_EXTENSIONS })
      onTestFinished(() => source.close())
      const asked = { dataset: 'd', request: { method: 'table', table: 't' } } as const
      const columns = await source.describe(asked, ctx)
      const frames = await source.frames?.({ ...asked, columns }, ctx)
      if (!frames) throw new Error('no frames')
      const request = { dataset: 'd', partition: '_all', columns, readKey: 'key', open: false }
      const { manifest } = await landUndecoded(request, tap(frames), store, ctx)
      await source.close()
      return manifest
    },
    load: async (manifest: LoadManifest, more: Partial<PostgresOptions> = {}) => {
      const warehouse = postgres({ ...options(to, b), ...more }).openWarehouse({ extensions: NO_EXTENSIONS })
      onTestFinished(() => warehouse.close())
      const { undecoded } = manifest
      if (!undecoded) throw new Error('it is Parquet')
      const task = {
        ...{ pipeline: 'test', dataset: 'd', target: { table: 't', disposition: { mode: 'replace' } as const }, partition: undefined },
        ...{ expected: undefined, load: String(manifest.id), lasting: false, inputKey: 'key', force: false },
      }
      return (await receive(task, framesOfLoad(store, { ...manifest, undecoded }), warehouse, ctx)).receipt
    },
  }
}

const BIG = 'CREATE TABLE t AS SELECT i AS id, repeat(md5(i::text), 8) AS value FROM generate_series(1, 20000) AS i'

it('a source whose connection is cut is read again from the first row, as often as its retries say', async () => {
  const { ctx, source, warehouse, land, load } = await setup()
  await source(BIG)
  await using before = await databaseProxy(old)
  const through = { host: before.host, port: before.port }
  let attempts = 0
  /** Cuts the session in the middle, so often. */
  const cutting = (times: number) => (frames: Frames) => ({
    ...frames,
    send: (take: Parameters<Frames['send']>[0], signal: AbortSignal) => {
      attempts++
      let bytes = 0
      return frames.send(async (chunk) => {
        await take(chunk)
        bytes += chunk.length
        if (bytes < 1_000_000 || attempts > times) return
        await source(
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'COPY (SELECT q.%' AND pid <> pg_backend_pid()",
        )
      }, signal)
    },
  })
  const error = await failure(land({ ...through, retries: 1 }, cutting(9)), TransientError)
  expect(error.message).toMatch(/^reading public\.t from .* failed: .*\(tried 2 times\)$/)
  expect(error.place).toMatchObject({ stage: 'extract', dataset: 'd' })
  expect(attempts).toBe(2)
  attempts = 0
  const manifest = await land({ ...through, retries: 2 }, cutting(2))
  expect(attempts).toBe(3)
  expect(ctx.events.filter(({ type }) => type === 'retry').length).toBeGreaterThanOrEqual(3)
  before.once('COPY (SELECT', 'cutBefore')
  expect(await land(through)).toMatchObject({ id: manifest.id, contentHash: manifest.contentHash })
  expect(await load(manifest)).toMatchObject({ rows: 20_000 })
  expect(await warehouse('SELECT count(*), count(DISTINCT value), max(_load) FROM t')).toEqual(['20000|20000|1'])
})

it('a warehouse whose connection is cut, or whose reply to COMMIT is lost, takes them once', async () => {
  const { source, warehouse, land, load } = await setup()
  await source(BIG)
  const manifest = await land()
  await using behind = await databaseProxy(young)
  behind.cutOnceAfter(2_000_000)
  expect(await load(manifest, { host: behind.host, port: behind.port })).toMatchObject({ rows: 20_000, removed: 0 })
  await warehouse('DELETE FROM _millrace_tokens')
  behind.once('COMMIT', 'loseReply')
  expect(await load(manifest, { host: behind.host, port: behind.port })).toMatchObject({ rows: 20_000, removed: 20_000 })
  expect(behind.faults).toBe(2)
  expect(await warehouse('SELECT count(*), count(DISTINCT value) FROM t')).toEqual(['20000|20000'])
})

it('what the bytes mean is held against the warehouse when they are loaded, and nothing that they do not depend on is kept', async () => {
  const { source, land, load } = await setup({ from: young, to: old })
  await source("CREATE TABLE t AS SELECT 1 AS id, 'infinity'::interval AS i, 1.5::numeric::money AS m")
  const manifest = await land()
  expect(manifest.undecoded?.facts).toEqual({ version: expect.any(Number), moneyDigits: 2 })
  const error: MillraceError = await failure(load(manifest), ConfigError)
  expect(error.message).toMatch(
    /^column "i" of the landed file \S+ is an interval, which may be infinite there and not on this older server$/,
  )
  await source('ALTER TABLE t DROP COLUMN i, DROP COLUMN m')
  expect((await land()).undecoded?.facts).toEqual({})
})

it('memory is bounded: neither side runs ahead of the other', { timeout: 120_000 }, async () => {
  const { source, warehouse, land, load } = await setup()
  // 100 MB that do not compress.
  await source(
    "CREATE TABLE t AS SELECT i AS id, (SELECT string_agg(sha512((i || ' ' || j)::text::bytea), '') FROM generate_series(1, 64) AS j) AS bytes FROM generate_series(1, 25000) AS i",
  )
  // What nobody holds any more does not count, however late the collector comes on a busy machine: it is sent for where there seems to be too much.
  setFlagsFromString('--expose-gc')
  const collect: () => void = runInNewContext('gc')
  const held = () => process.memoryUsage().external + process.memoryUsage().heapUsed
  const bound = held() + 75 * 2 ** 20
  let peak = 0
  const watch = setInterval(() => {
    if (held() > bound) collect()
    peak = Math.max(peak, held())
  }, 5)
  try {
    const manifest = await land()
    expect(manifest.undecoded?.bytes).toBeGreaterThan(100_000_000)
    expect(await load(manifest)).toMatchObject({ rows: 25_000 })
  } finally {
    clearInterval(watch)
  }
  // The bytes are 100 MB.
  expect(peak).toBeLessThan(bound)
  expect(await warehouse('SELECT count(*), sum(length(bytes)) FROM t')).toEqual(['25000|102400000'])
})
