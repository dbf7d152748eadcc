import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Disposition } from '../../lib/connectors/warehouse.ts'
import { CheckError, ConfigError, OutrunError } from '../../lib/core/errors.ts'
import { NO_EXTENSIONS } from '../../lib/engines/extensions.ts'
import { ALWAYS, FILLINGS, many, NEVER, writersOf } from '../connectors/postgres/first-load-kit.ts'
import { append, failure, merge, ROADS, replace, replacePartition, warehouseOn } from '../connectors/postgres/warehouse-kit.ts'
import { testContext } from '../kit/context.ts'
import { datasetOf } from '../kit/dataset.ts'
import { type TestPostgres, testPostgres } from '../kit/postgres.ts'

/** Everything of a table but its rows: columns, defaults, constraints, indexes, comments, options, grants. */
const shapeOf = (table: string) => `SELECT json_build_array(
  (SELECT json_agg(json_build_array(a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid), col_description(a.attrelid, a.attnum), a.attmissingval::text) ORDER BY a.attnum)
   FROM pg_attribute AS a LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum WHERE a.attrelid = c.oid AND a.attnum > 0),
  (SELECT json_agg(pg_get_constraintdef(oid) ORDER BY 1) FROM pg_constraint WHERE conrelid = c.oid),
  (SELECT json_agg(replace(pg_get_indexdef(indexrelid), relname, '') ORDER BY indexrelid) FROM pg_index WHERE indrelid = c.oid),
  obj_description(c.oid, 'pg_class'), c.reloptions, c.relacl, c.relpersistence, (SELECT replace(t.typname, relname, '') FROM pg_type AS t WHERE t.oid = c.reltype), c.reltuples) FROM pg_class AS c WHERE relname = '${table}'`

for (const version of [18, 15] as const)
  describe(`PostgreSQL ${version}`, () => {
    let server: TestPostgres
    beforeAll(async () => {
      server = await testPostgres({ version })
    })
    afterAll(() => server.stop())

    for (const [road, extensions] of ROADS) {
      test(`the first load of a table by two connections gives the table that one gives, ${road}`, async () => {
        const database = await server.createDatabase()
        const two = await warehouseOn(server, { database }, extensions, ALWAYS)
        const one = await warehouseOn(server, { database }, extensions, NEVER)
        const columns = {
          id: 'int64',
          'a "b"': 'text',
          at: 'timestamptz',
          sum: 'decimal(12,2)',
          tags: 'list(text)',
          of: 'struct(a int32)',
          u: 'uuid',
          j: 'json',
          i: 'interval',
        }
        const select = `SELECT range AS id, CASE WHEN range % 7 > 0 THEN 'x' || range END AS "a ""b""", TIMESTAMPTZ '2020-01-01 00:00:00+00' + INTERVAL (range) MINUTE AS at, range / 4 AS sum, ['t' || range, NULL, ''] AS tags,
          {'a': range % 5} AS of, 'f81d4fae-7dec-11d0-a765-00a0c91e6bf6' AS u, '{"a":  ' || range || '}' AS j, INTERVAL (range) DAY AS i FROM range(5000)`
        const dispositions: readonly Disposition[] = [replacePartition, merge]
        for (const disposition of dispositions) {
          const [a, b] = [`a_${disposition.mode.toLowerCase()}`, `b_${disposition.mode.toLowerCase()}`]
          for (const [{ folder, load }, table] of [
            [two, a],
            [one, b],
          ] as const) {
            const dataset = await datasetOf(folder, 'numbers', columns, select, 2048)
            const receipt = await load(table, disposition, '', {
              columns,
              dataset,
              partition: disposition.mode === 'replacePartition' ? '2020-01' : '',
            })
            expect(receipt).toEqual({ rows: 5000, superseded: 0, removed: 0, added: [] })
          }
          expect(await one.rows(writersOf(a))).toEqual(['2'])
          expect(await one.rows(writersOf(b))).toEqual(['1'])
          const [shape, other] = [await one.rows(shapeOf(a)), await one.rows(shapeOf(b))]
          expect(shape[0]?.replaceAll(a, 't')).toEqual(other[0]?.replaceAll(b, 't'))
          const different = await one.rows(
            `SELECT count(*) FROM (SELECT t::text FROM ${a} AS t EXCEPT ALL SELECT t::text FROM ${b} AS t) AS d`,
          )
          expect(different).toEqual(['0'])
          // The next load finds a table like any other.
          const next = {
            columns,
            dataset: await datasetOf(two.folder, 'numbers', columns, select, 2048),
            partition: disposition.mode === 'replacePartition' ? '2020-02' : '',
          }
          expect(await two.load(a, disposition, '', next)).toMatchObject({ rows: 5000 })
          expect(await two.rows(FILLINGS)).toEqual([])
        }
      })

      test(`the first load of a table by one connection writes its rows as old ones, and no later one does, ${road}`, async () => {
        const { load, rows } = await warehouseOn(server, {}, extensions, NEVER)
        const pages = () => rows("SELECT relpages > 9, 2 * relallvisible > relpages FROM pg_class WHERE relname = 't'")
        await load('t', replacePartition, "SELECT range AS id, 'a' || range AS value FROM range(5000)", { partition: '2020-01' })
        expect(await pages()).toEqual(['t|t'])
        await load('t', replacePartition, "SELECT range AS id, 'b' || range AS value FROM range(5000)", { partition: '2020-02' })
        expect(await pages()).toEqual(['t|f'])
      })
    }
  })

describe('a first load by two connections', () => {
  let server: TestPostgres
  beforeAll(async () => {
    server = await testPostgres({ version: 18 })
  })
  afterAll(() => server.stop())

  /** Waits until rows are on their way; gives the name of their table. */
  async function fillingIn(database: string): Promise<string> {
    for (;;) {
      const [[name] = []] = await server.query(database, FILLINGS)
      if (name) return name
      await pause(1)
    }
  }

  test('is seen by readers not at all, then whole, as are the tokens', async () => {
    const { folder, load, tokens, database } = await warehouseOn(server, {}, NO_EXTENSIONS, ALWAYS)
    const dataset = await many(folder, 60_000)
    const reader = await server.client(database)
    const seen = new Set<string>()
    let reading = true
    const watching = (async () => {
      while (reading) {
        const answer = await reader.query('SELECT count(*) AS n FROM t').catch((error: { code?: string }) => error)
        seen.add('rows' in answer ? answer.rows[0].n : String(answer.code))
      }
    })()
    await load('t', replace, '', { dataset })
    await reader.query('SELECT 1')
    const known = await tokens()
    reading = false
    await watching
    seen.add((await reader.query('SELECT count(*) AS n FROM t')).rows[0].n)
    await reader.end()
    expect([...seen]).toEqual(['42P01', '60000'])
    expect(known).toEqual(['t|'])
  })

  test('refuses a value of the second part by its row in the dataset, and leaves nothing', async () => {
    for (const [, extensions] of ROADS) {
      const { folder, load, rows, tokens } = await warehouseOn(server, {}, extensions, ALWAYS)
      const columns = { id: 'int64', of: 'struct(a float64)' }
      const select = "SELECT range AS id, {'a': CASE range WHEN 15_000 THEN 'nan' ELSE '1.5' END::DOUBLE} AS of FROM range(20_000)"
      const dataset = await datasetOf(folder, 'numbers', columns, select, 2048)
      const error = await failure(load('t', replace, '', { columns, dataset }), CheckError)
      expect(error.message).toMatch(/^"t" cannot take .* in column "of": invalid input syntax for type json \(22P02\)$/)
      expect(error.place).toMatchObject({ table: 't', dataset: 'numbers', column: 'of', value: expect.stringMatching(/nan/i) })
      if (extensions !== NO_EXTENSIONS) expect(error.place.row).toBe(15_001)
      expect(await rows("SELECT relname FROM pg_class WHERE relname = 't'")).toEqual([])
      expect(await rows(FILLINGS)).toEqual([])
      expect(await tokens()).toEqual([])
    }
  })

  test('refuses another number of rows than the dataset says, and leaves nothing', async () => {
    const { folder, load, rows, tokens } = await warehouseOn(server, {}, NO_EXTENSIONS, ALWAYS)
    const dataset = { ...(await many(folder)), rows: 20_001 }
    const error = await failure(load('t', replace, '', { dataset }), CheckError)
    expect(error.message).toBe('"t" took 20000 rows where the dataset says 20001')
    expect(await rows(`SELECT relname FROM pg_class WHERE relname = 't' UNION ALL (${FILLINGS})`)).toEqual([])
    expect(await tokens()).toEqual([])
  })

  test('of two runs at once one is outrun, and one set of rows is there', async () => {
    const database = await server.createDatabase()
    const input = { pipeline: 'test', table: 't', partition: '', inputKey: 'k', loads: {} }
    const runs = await Promise.all(
      [1, 2, 3].map(async () => {
        const { folder, warehouse } = await warehouseOn(server, { database }, NO_EXTENSIONS, ALWAYS)
        const dataset = await many(folder)
        return () =>
          warehouse.load({ dataset, table: 't', disposition: append, expected: undefined, token: input, load: '000001' }, testContext())
      }),
    )
    const ended = await Promise.allSettled(runs.map((load) => load()))
    expect(ended.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    for (const each of ended) if (each.status === 'rejected') expect(each.reason).toBeInstanceOf(OutrunError)
    expect(await server.query(database, 'SELECT count(*) FROM t')).toEqual([['20000']])
    expect(await server.query(database, FILLINGS)).toEqual([])
  })

  test('that is stopped ends both sessions, and leaves nothing', async () => {
    const { folder, load, rows, tokens, database } = await warehouseOn(server, {}, NO_EXTENSIONS, ALWAYS)
    const dataset = await many(folder, 400_000)
    const control = new AbortController()
    const loading = load('t', replace, '', { dataset, ctx: testContext({ signal: control.signal }) })
    loading.catch(() => undefined)
    await fillingIn(database)
    control.abort(new Error('enough'))
    await expect(loading).rejects.toThrow('enough')
    expect(await rows(`SELECT relname FROM pg_class WHERE relname = 't' UNION ALL (${FILLINGS})`)).toEqual([])
    expect(await tokens()).toEqual([])
    const working = () => server.query(database, "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'millrace/%'")
    while ((await working()).length > 0) await pause(20)
  })

  test('goes by one connection where no second is to be had, and where a publication would send its rows', async () => {
    const database = await server.createDatabase()
    await server.query(
      database,
      "CREATE ROLE single LOGIN PASSWORD 'single-secret' CONNECTION LIMIT 1; GRANT ALL ON SCHEMA public TO single",
    )
    const single = await warehouseOn(server, { database, user: 'single', password: 'single-secret' }, NO_EXTENSIONS, ALWAYS)
    await single.warehouse.load(
      {
        dataset: await many(single.folder),
        table: 'limited',
        disposition: append,
        expected: undefined,
        token: { pipeline: 'test', table: 'limited', partition: '', inputKey: 'k', loads: {} },
        load: '1',
      },
      testContext(),
    )
    const { folder, load } = await warehouseOn(server, { database }, NO_EXTENSIONS, ALWAYS)
    await server.query(database, 'CREATE PUBLICATION everything FOR ALL TABLES')
    await load('published', append, '', { dataset: await many(folder) })
    for (const table of ['limited', 'published']) expect(await server.query(database, writersOf(table))).toEqual([['1']])
    expect(await server.query(database, FILLINGS)).toEqual([])
  })

  test('says what a load by one says where the role may not create tables', async () => {
    const database = await server.createDatabase()
    const owner = await warehouseOn(server, { database })
    await owner.load('other', append, "SELECT 1 AS id, 'a' AS value")
    await server.query(database, "CREATE ROLE poor LOGIN PASSWORD 'poor-secret'; GRANT ALL ON _millrace_tokens TO poor")
    const said = await Promise.all(
      [ALWAYS, NEVER].map(async (two) => {
        const { folder, load } = await warehouseOn(server, { database, user: 'poor', password: 'poor-secret' }, NO_EXTENSIONS, two)
        return failure(load('t', append, '', { dataset: await many(folder) }), ConfigError)
      }),
    )
    expect(said[0]?.message).toMatch(/permission denied for schema public \(42501\)$/)
    expect(said[0]?.message).toBe(said[1]?.message)
    expect(said[0]?.hint).toBe(said[1]?.hint)
  })

  test('goes by one connection in the end where somebody has opened the filled table, and the next load drops that', async () => {
    const { folder, load, rows, database } = await warehouseOn(server, {}, NO_EXTENSIONS, ALWAYS)
    const dataset = await many(folder, 200_000)
    const holder = await server.client(database)
    const ctx = testContext()
    const loading = load('t', append, '', { dataset, ctx })
    const filling = await fillingIn(database)
    await holder.query(`BEGIN; LOCK TABLE "${filling}" IN ACCESS SHARE MODE`)
    expect(await loading).toMatchObject({ rows: 200_000 })
    expect(await rows(writersOf('t'))).toEqual(['1'])
    expect(await rows(FILLINGS)).toEqual([filling])
    await holder.end()
    await load('t', append, "SELECT 1 AS id, 'a' AS value")
    expect(await rows(FILLINGS)).toEqual([])
    expect(await rows('SELECT count(*) FROM t')).toEqual(['200001'])
  })
})
