import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { type EnginePool, enginePool } from '../../lib/engines/engine-pool.ts'
import { temporaryFolder } from '../kit/context.ts'

const LIMITS = { memoryBytes: 2 ** 28, threads: 2, temp: 'not used' }

function poolIn(folder: string): EnginePool {
  const pool = enginePool(folder)
  onTestFinished(() => pool.close())
  return pool
}

/** Which of the pool's engines it is. */
async function engineOf(db: Awaited<ReturnType<EnginePool['open']>>): Promise<string | null | undefined> {
  return (await db.meta("SELECT current_setting('temp_directory') AS temp"))[0]?.temp
}

const setting = async (db: Awaited<ReturnType<EnginePool['open']>>, name: string) =>
  (await db.meta(`SELECT current_setting('${name}') AS value`))[0]?.value

test('enginePool lends an engine again, and nothing of an earlier borrower is in it', async () => {
  const pool = poolIn(temporaryFolder())
  const first = await pool.open({ ...LIMITS, zone: 'Europe/Warsaw', preserveOrder: false })
  const engine = await engineOf(first)
  expect([await setting(first, 'TimeZone'), await setting(first, 'preserve_insertion_order')]).toEqual(['Europe/Warsaw', 'false'])
  for (const kind of ['TABLE', 'TEMP TABLE']) await first.run(`CREATE ${kind} my_${kind.replace(' ', '_')} AS SELECT 1 AS a`)
  await first.run('CREATE VIEW seen AS SELECT 1 AS a')
  first.close()
  first.close()
  const second = await pool.open(LIMITS)
  expect(await engineOf(second)).toBe(engine)
  expect([await setting(second, 'TimeZone'), await setting(second, 'preserve_insertion_order')]).toEqual(['UTC', 'true'])
  expect(
    await second.meta('SELECT table_name FROM duckdb_tables() UNION ALL SELECT view_name FROM duckdb_views() WHERE NOT internal'),
  ).toEqual([])
  expect(await second.meta("SELECT database_name FROM duckdb_databases() WHERE NOT internal AND database_name LIKE '%millrace%'")).toEqual([
    { database_name: '__millrace_2' },
  ])
  second.close()
})

test('enginePool gives an engine one borrower at a time, and one of the limits that are asked for', async () => {
  const pool = poolIn(temporaryFolder())
  const [a, b] = await Promise.all([pool.open(LIMITS), pool.open(LIMITS)])
  const other = await pool.open({ ...LIMITS, memoryBytes: 2 ** 27, threads: 1 })
  expect(new Set([await engineOf(a), await engineOf(b), await engineOf(other)]).size).toBe(3)
  expect([await setting(a, 'memory_limit'), await setting(other, 'memory_limit')]).toEqual(['256.0 MiB', '128.0 MiB'])
  expect([await setting(a, 'threads'), await setting(other, 'threads')]).toEqual(['2', '1'])
  await a.run('CREATE TABLE t AS SELECT 1 AS a')
  await b.run('CREATE TABLE t AS SELECT 2 AS a')
  expect(await a.meta('FROM t')).toEqual([{ a: '1' }])
  for (const each of [a, b, other]) each.close()
})

test('enginePool lends an engine again whose statement was aborted or ran out of memory', async () => {
  const pool = poolIn(temporaryFolder())
  const db = await pool.open(LIMITS)
  const engine = await engineOf(db)
  const stop = new AbortController()
  const endless = db.run('SELECT sum(sqrt(a.range + b.range)) FROM range(10000000) a, range(1000000) b', undefined, stop.signal)
  stop.abort(new Error('enough'))
  await expect(endless).rejects.toThrow('enough')
  await expect(db.run("SELECT list(repeat('x', 1000) || range) FROM range(10000000)")).rejects.toThrow('Out of Memory')
  db.close()
  const again = await pool.open(LIMITS)
  expect(await engineOf(again)).toBe(engine)
  expect(await again.meta('SELECT count(*) AS n FROM range(10)')).toEqual([{ n: '10' }])
  again.close()
})

test('enginePool does not lend an engine again that found a fault in itself', async () => {
  const pool = poolIn(temporaryFolder())
  const broken = await pool.open(LIMITS)
  const engine = await engineOf(broken)
  broken.connection.run = () => Promise.reject(new Error('INTERNAL Error: Attempted to access index 3'))
  await expect(broken.run('SELECT 1')).rejects.toThrow('INTERNAL Error')
  broken.close()
  const next = await pool.open(LIMITS)
  expect(await engineOf(next)).not.toBe(engine)
  next.close()
})

test('enginePool closes an engine that cannot be given back, and opens another', async () => {
  const pool = poolIn(temporaryFolder())
  const broken = await pool.open(LIMITS)
  const engine = await engineOf(broken)
  // The pool's own statements fail.
  await broken.run('USE memory')
  await broken.run('DETACH __millrace_1')
  broken.close()
  const next = await pool.open(LIMITS)
  expect(await engineOf(next)).not.toBe(engine)
  expect(await next.meta('SELECT 1 AS one')).toEqual([{ one: '1' }])
  next.close()
})

test('enginePool spills into its folder and leaves nothing of it there', async () => {
  const folder = join(temporaryFolder(), 'engines')
  const pool = poolIn(folder)
  expect(existsSync(folder)).toBe(false)
  const db = await pool.open({ ...LIMITS, memoryBytes: 2 ** 26 })
  let seen = 0
  const watch = setInterval(() => {
    seen = Math.max(seen, readdirSync(folder, { recursive: true }).filter((name) => String(name).includes('duckdb_temp')).length)
  }, 5)
  await db.run("CREATE TABLE t AS SELECT range AS a, hash(range)::VARCHAR || repeat('x', 50) AS b FROM range(2000000)")
  clearInterval(watch)
  expect(seen).toBeGreaterThan(0)
  db.close()
  await pool.close()
  expect(readdirSync(folder, { recursive: true }).filter((name) => String(name).includes('duckdb_temp'))).toEqual([])
})

test('enginePool refuses a file', async () => {
  await expect(poolIn(temporaryFolder()).open({ ...LIMITS, file: 'x.duckdb' })).rejects.toThrow('a pool has no engines on files')
})
