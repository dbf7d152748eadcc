import { DuckDBInstance } from '@duckdb/node-api'
import { expect, onTestFinished, test } from 'vitest'
import { type DuckDB, type DuckDBOptions, openDuckDB } from '../../lib/engines/duckdb.ts'
import { temporaryFolder } from '../kit/context.ts'

async function engine(options: Partial<DuckDBOptions> = {}): Promise<DuckDB> {
  const db = await openDuckDB({ memoryBytes: 256 * 2 ** 20, threads: 2, temp: temporaryFolder(), ...options })
  onTestFinished(() => db.close())
  return db
}

/** The one number that a query gives with DuckDB's own settings. */
async function plainCount(setup: readonly string[], query: string): Promise<number> {
  const connection = await (await DuckDBInstance.create(':memory:')).connect()
  onTestFinished(() => connection.closeSync())
  for (const statement of setup) await connection.run(statement)
  return Number((await (await connection.run(query)).getRows())[0]?.[0])
}

async function ourCount(setup: readonly string[], query: string): Promise<number> {
  const db = await engine()
  for (const statement of setup) await db.run(statement)
  return Number(Object.values((await db.meta(query))[0] ?? {})[0])
}

// The first expectation of each says that this DuckDB still has the fault: when it fails, the pass can be switched on again. More of them: known-faults.test.ts.
const topN: [issue: string, setup: string[], query: string, wrong: number, right: number][] = [
  [
    '#23675, no rows',
    ['CREATE TABLE e(s INTEGER, p INTEGER)'],
    'SELECT count(*) FROM (SELECT p FROM e QUALIFY row_number() OVER (ORDER BY s) <= 1)',
    1,
    0,
  ],
  [
    '#24363, an ORDER BY of NULL',
    [],
    'SELECT count(*) FROM (SELECT x, row_number() OVER (PARTITION BY x ORDER BY NULL) AS n FROM (VALUES (3), (3)) t(x)) WHERE n <= 7',
    0,
    2,
  ],
]

test.each(topN)(
  'openDuckDB keeps the rows that top_n_window_elimination drops or invents (duckdb%s)',
  async (_issue, setup, query, wrong, right) => {
    expect(await plainCount(setup, query)).toBe(wrong)
    expect(await ourCount(setup, query)).toBe(right)
  },
)

test('openDuckDB binds whole numbers as BIGINT, dates as TIMESTAMPTZ', async () => {
  const db = await engine({ zone: 'Europe/Berlin' })
  const values = {
    whole: 2,
    big: 2n ** 62n,
    huge: 2n ** 70n,
    real: 2.5,
    at: new Date('2018-07-01T00:00:00Z'),
    text: 'x',
    none: null,
    unused: 1,
  }
  const types = await db.describe(
    'SELECT $whole AS whole, $big AS big, $huge AS huge, $real AS "real", $at AS "at", $text AS text, 1::UINTEGER * $whole AS product',
    values,
  )
  expect(types.map(({ type }) => type)).toEqual(['BIGINT', 'BIGINT', 'HUGEINT', 'DOUBLE', 'TIMESTAMP WITH TIME ZONE', 'VARCHAR', 'BIGINT'])
  expect(await db.meta('SELECT $at::VARCHAR AS "at", $none IS NULL AS none, $big AS big', values)).toEqual([
    { at: '2018-07-01 02:00:00+02', none: 'true', big: '4611686018427387904' },
  ])
})

test('openDuckDB loads no extension from outside and spills into its own folder', async () => {
  const temp = temporaryFolder()
  const db = await engine({ temp })
  const settings = await db.meta(
    "SELECT name, value FROM duckdb_settings() WHERE name IN ('autoinstall_known_extensions', 'autoload_known_extensions', 'temp_directory') ORDER BY name",
  )
  expect(settings.map(({ value }) => value)).toEqual(['false', 'false', temp])
})

test.each([false, true])('openDuckDB interrupts a statement whose signal aborts, and takes the next one (quiet: %s)', async (quiet) => {
  const db = await engine({ quiet })
  const stop = new AbortController()
  const reason = new Error('stop')
  setTimeout(() => stop.abort(reason), 50)
  await expect(db.run('SELECT count(*) FROM range(100000000000) a(i) WHERE i % 7 = 3', undefined, stop.signal)).rejects.toBe(reason)
  await expect(db.run('SELECT 1', undefined, stop.signal)).rejects.toBe(reason)
  expect(await db.meta('SELECT 1 AS one')).toEqual([{ one: '1' }])
})

test('a quiet engine works by its own threads alone, and says and gives what any other does', async () => {
  const [quiet, other] = [await engine({ quiet: true }), await engine()]
  const told = async (db: DuckDB) => {
    const errorOf = (sql: string) => db.run(sql).then(String, (error: Error) => error.message)
    return {
      rows: await db.run('CREATE TABLE t AS FROM range(300000) r(i)'),
      bound: await db.run('DELETE FROM t WHERE i >= $from', { from: 299_990 }),
      several: await db.run('SET threads = 2; INSERT INTO t VALUES (1), (2)'),
      sum: await db.meta('SELECT sum(i) AS sum FROM t WHERE i < $to', { to: 1000 }),
      nothing: await db.meta('FROM t WHERE i < 0'),
      atStart: await errorOf("SELECT CAST('x' AS INTEGER)"),
      late: await errorOf("SELECT sum(CAST(i || CASE WHEN i = 200000 THEN 'x' ELSE '' END AS INTEGER)) FROM t"),
      unbound: await errorOf('FROM nowhere'),
      unparsed: await errorOf('SELCT'),
      transaction: [await db.run('BEGIN'), await errorOf("SELECT CAST('x' AS INTEGER)"), await errorOf('FROM t'), await db.run('ROLLBACK')],
    }
  }
  expect(await told(quiet)).toEqual(await told(other))
  expect(await quiet.meta("SELECT current_setting('external_threads') AS lent, current_setting('threads') AS own")).toEqual([
    { lent: '0', own: '2' },
  ])
})

test('release gives back what an ended statement leaves with the allocator', async () => {
  const db = await engine({ memoryBytes: 2 ** 29 })
  await db.meta('SELECT count(*) FROM (SELECT i, hash(i) AS h FROM range(4000000) r(i) ORDER BY h)')
  const before = process.memoryUsage.rss()
  await db.release()
  expect(before - process.memoryUsage.rss()).toBeGreaterThan(32 * 2 ** 20)
  expect(await db.meta("SELECT current_setting('memory_limit') AS most")).toEqual([{ most: '512.0 MiB' }])
})

test('a further session has the passes off, and sets nothing for the whole engine: beside a statement of another session that can end the process', async () => {
  const db = await engine()
  const off = async (session: DuckDB) =>
    (await session.meta("SELECT current_setting('disabled_optimizers') AS off"))[0]?.off?.split(',').sort()
  const passes = ['common_subplan', 'join_elimination', 'top_n_window_elimination']
  expect([await off(db), await off(await db.connect('Asia/Tokyo'))]).toEqual([passes, passes])
  await db.run("SET disabled_optimizers = 'join_order'")
  expect(await off(await db.connect())).toEqual(['join_order'])
})
