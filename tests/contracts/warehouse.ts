import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Disposition, LoadReceipt, LoadRequest, RowsRequest, Token, WarehouseConnection } from '../../lib/connectors/warehouse.ts'
import type { Columns, Dataset } from '../../lib/core/dataset.ts'
import { CheckError, ConfigError, type MillraceError, OutrunError } from '../../lib/core/errors.ts'
import { quoteIdentifier } from '../../lib/core/quote.ts'
import type { MetaRow } from '../../lib/engines/duckdb.ts'
import { extensionsIn, NO_EXTENSIONS } from '../../lib/engines/extensions.ts'
import { relationOfFiles } from '../../lib/engines/relation.ts'
import { type TestContext, temporaryFolder, testContext } from '../kit/context.ts'
import { datasetOf } from '../kit/dataset.ts'
import { connectToTestEngine } from '../kit/engine.ts'
import type { ChildTask } from './warehouse-child.ts'

/** One empty warehouse for one test. */
export interface WarehouseUnderTest {
  readonly connection: WarehouseConnection
  /** Metadata rows of a SELECT in DuckDB's SQL on its tables, each column of its own type, by another road than the connector. */
  query(sql: string): Promise<readonly MetaRow[]>
  /** Drops a table as a person does, past the connector. */
  drop(table: string): Promise<void>
  /** How another process opens the same warehouse; its `extensions` are this process's too. */
  readonly elsewhere: Pick<ChildTask, 'module' | 'name' | 'args' | 'extensions'>
  /** Resolves when nothing of a process that was killed is at work any more. */
  settled?(): Promise<void>
}

/** How much the suite does: a server's loads are slower to begin and easier to interrupt than a file's. */
export interface ContractSize {
  /** Rows of a load that is to be interrupted. */
  readonly abortedRows: number
  readonly killedRows: number
  readonly kills: number
  /** Tries of the property that the order of partitions does not matter. */
  readonly orders: number
}

const replacePartition: Disposition = { mode: 'replacePartition' }
const replace: Disposition = { mode: 'replace' }
const append: Disposition = { mode: 'append' }
const merge = (order?: string): Disposition => ({ mode: 'merge', key: ['id'], ...(order && { order }) })

const COLUMNS: Columns = { id: 'int64', value: 'text' }

/** Everything that the contract of `Warehouse` says, on a real warehouse. `open` gives an empty one in a fresh folder. */
export function warehouseContract(
  name: string,
  open: (folder: string) => Promise<WarehouseUnderTest>,
  { abortedRows, killedRows, kills, orders }: ContractSize = { abortedRows: 1_500_000, killedRows: 400_000, kills: 10, orders: 8 },
): void {
  /** A warehouse with short ways to load a SELECT and to read a table. */
  async function setup() {
    const folder = temporaryFolder()
    const under = await open(folder)
    const tools = { extensions: under.elsewhere.extensions === undefined ? NO_EXTENSIONS : extensionsIn(under.elsewhere.extensions) }
    const warehouse = under.connection.openWarehouse(tools)
    onTestFinished(() => warehouse.close())
    const ctx = testContext()
    const tokenOf = async (table: string, partition: string) =>
      (await warehouse.tokens('test', ctx)).find((token) => token.table === table && token.partition === partition)
    const request = async (table: string, disposition: Disposition, select: string, options: Options = {}): Promise<LoadRequest> => {
      const { partition = '', columns = COLUMNS, inputKey = 'k1', load = '000001' } = options
      const dataset = options.dataset ?? (await datasetOf(folder, 'numbers', columns, select))
      return {
        dataset,
        table,
        disposition,
        expected: 'expected' in options ? options.expected : await tokenOf(table, partition),
        token: { pipeline: 'test', table, partition, inputKey, loads: options.loads ?? {} },
        load,
        ...(options.tombstones && { tombstones: options.tombstones }),
      }
    }
    const load = async (table: string, disposition: Disposition, select: string, options: Options = {}): Promise<LoadReceipt> =>
      warehouse.load(await request(table, disposition, select, options), options.ctx ?? ctx)
    const rows = async (table: string, columns = 'id, value, _partition', order = 'ALL') =>
      (await under.query(`SELECT ${columns} FROM ${quoteIdentifier(table)} ORDER BY ${order}`)).map((row) => Object.values(row).join('|'))
    return { folder, ...under, tools, warehouse, ctx, request, load, rows, tokenOf }
  }

  interface Options {
    readonly partition?: string
    readonly columns?: Columns
    readonly inputKey?: string
    readonly load?: string
    readonly loads?: Readonly<Record<string, number>>
    readonly expected?: Token | undefined
    readonly tombstones?: readonly string[]
    readonly dataset?: Dataset
    readonly ctx?: TestContext
  }

  const failure = async <E extends MillraceError>(work: Promise<unknown>, kind: abstract new (...args: never[]) => E): Promise<E> => {
    const error = await work.then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    expect(error).toBeInstanceOf(kind)
    return error as E
  }

  describe(`${name}: load`, () => {
    it('makes the table from the dataset, with _partition and _load', async () => {
      const { load, rows, warehouse, ctx } = await setup()
      const receipt = await load('numbers', replacePartition, "SELECT 1 AS id, 'a' AS value", { partition: '2005-05', load: '000007' })
      expect(receipt).toEqual({ rows: 1, superseded: 0, removed: 0, added: [] })
      expect(await rows('numbers', '*')).toEqual(['1|a|2005-05|000007'])
      expect(await warehouse.describe('numbers', ctx)).toEqual(COLUMNS)
    })

    it('append adds rows and keeps the old', async () => {
      const { load, rows } = await setup()
      await load('numbers', append, "SELECT 1 AS id, 'a' AS value")
      expect(await load('numbers', append, "SELECT 1 AS id, 'b' AS value", { inputKey: 'k2' })).toMatchObject({ rows: 1, removed: 0 })
      expect(await rows('numbers')).toEqual(['1|a|', '1|b|'])
    })

    it('replace leaves only the new rows', async () => {
      const { load, rows } = await setup()
      await load('numbers', replace, "SELECT range AS id, 'a' AS value FROM range(3)")
      expect(await load('numbers', replace, "SELECT 9 AS id, 'b' AS value", { inputKey: 'k2' })).toMatchObject({ rows: 1, removed: 3 })
      expect(await rows('numbers')).toEqual(['9|b|'])
    })

    it('replacePartition replaces the rows of its partition and no others', async () => {
      const { load, rows } = await setup()
      await load('numbers', replacePartition, "SELECT range AS id, 'a' AS value FROM range(2)", { partition: '2005-05' })
      await load('numbers', replacePartition, "SELECT 7 AS id, 'a' AS value", { partition: '2005-06' })
      const again = await load('numbers', replacePartition, "SELECT 5 AS id, 'b' AS value", { partition: '2005-05', inputKey: 'k2' })
      expect(again).toMatchObject({ rows: 1, removed: 2 })
      expect(await rows('numbers')).toEqual(['5|b|2005-05', '7|a|2005-06'])
    })

    it('replace and replacePartition refuse a table into which another pipeline has loaded, and delete nothing; append and merge take it', async () => {
      const { load, rows, warehouse, request, ctx, tokenOf } = await setup()
      await load('numbers', replacePartition, "SELECT 1 AS id, 'a' AS value", { partition: 'p' })
      const before = await tokenOf('numbers', 'p')
      const other = async (disposition: Disposition, id: number) => {
        const asked = await request('numbers', disposition, `SELECT ${id} AS id, 'b' AS value`, { partition: 'p', expected: undefined })
        return warehouse.load({ ...asked, token: { ...asked.token, pipeline: "the other's" } }, ctx)
      }
      for (const disposition of [replace, replacePartition]) {
        const error = await failure(other(disposition, 7), ConfigError)
        expect(error.message).toBe(`${disposition.mode}('numbers') would delete the rows that pipeline "test" has loaded into it`)
        expect(error.place.table).toBe('numbers')
        expect(error.hint).toMatch(/another name; or, .*_millrace_tokens WHERE pipeline = 'test' AND "table" = 'numbers'$/)
      }
      expect(await rows('numbers')).toEqual(['1|a|p'])
      expect(await tokenOf('numbers', 'p')).toEqual(before)
      await other(append, 2)
      const merging = await request('numbers', merge(), "SELECT 3 AS id, 'c' AS value", { partition: 'p', expected: undefined })
      await warehouse.load({ ...merging, token: { ...merging.token, pipeline: 'third' } }, ctx)
      expect(await rows('numbers')).toEqual(['1|a|p', '2|b|p', '3|c|p'])
      expect((await failure(load('numbers', replace, "SELECT 1 AS id, 'a' AS value"), ConfigError)).message).toContain(
        'pipeline "the other\'s"',
      )
    })

    it('zero rows make the table and the token, and empty a partition', async () => {
      const { load, rows, tokenOf } = await setup()
      await load('numbers', replacePartition, "SELECT 1 AS id, 'a' AS value WHERE false", { partition: 'p' })
      expect(await rows('numbers')).toEqual([])
      expect(await tokenOf('numbers', 'p')).toMatchObject({ inputKey: 'k1' })
      await load('numbers', replacePartition, "SELECT 1 AS id, 'a' AS value", { partition: 'p', inputKey: 'k2' })
      await load('numbers', replacePartition, "SELECT 1 AS id, 'a' AS value WHERE false", { partition: 'p', inputKey: 'k3' })
      expect(await rows('numbers')).toEqual([])
    })

    it('keeps every type and value of the dataset', async () => {
      const { load, query, warehouse, ctx } = await setup()
      const columns: Columns = {
        b: 'boolean',
        i: 'int64',
        u: 'uint64',
        f: 'float64',
        d: 'decimal(38,4)',
        t: 'text',
        y: 'bytes',
        day: 'date',
        clock: 'time',
        ts: 'timestamp',
        tz: 'timestamptz',
        gap: 'interval',
        id: 'uuid',
        doc: 'json',
        l: 'list(int32)',
        s: 'struct(a int32, "b c" list(text))',
      }
      const select = `SELECT true AS b, 9007199254740993 AS i, 18446744073709551615 AS u, 'NaN'::DOUBLE AS f, 1234567890123456789012345678901234.5678 AS d, '' AS t,
        '\\x00\\xFF'::BLOB AS y, DATE '0001-01-01' AS day, TIME '23:59:59.999999' AS clock, TIMESTAMP '2013-11-03 01:00:00.000001' AS ts,
        TIMESTAMPTZ '2013-11-03 01:00:00-04' AS tz, INTERVAL '1 month 2 days 3.000004 seconds' AS gap, 'f81d4fae-7dec-11d0-a765-00a0c91e6bf6' AS id,
        '{"a": 1.0,  "b":null}' AS doc, [1, NULL] AS l, {'a': 1, 'b c': ['x', NULL]} AS s`
      await load(
        'types',
        replace,
        `${select} UNION ALL SELECT ${Object.keys(columns)
          .map(() => 'NULL')
          .join(', ')}`,
        { columns },
      )
      expect(await warehouse.describe('types', ctx)).toEqual(columns)
      const [there] = await query('SELECT * EXCLUDE (_partition, _load) FROM types WHERE b')
      const [wanted] = await query(`SELECT * REPLACE (id::UUID AS id, doc::JSON AS doc) FROM (${select})`)
      expect(there).toEqual(wanted)
      expect(await query('SELECT 1 FROM types WHERE COLUMNS(* EXCLUDE (_partition, _load)) IS NULL')).toHaveLength(1)
    })

    it('adds a new column, NULL in the old rows, in every disposition, whatever the columns’ order', async () => {
      for (const disposition of [append, replacePartition, merge()] as const) {
        const { load, rows, warehouse, ctx } = await setup()
        await load('numbers', disposition, "SELECT 1 AS id, 'a' AS value", { partition: 'p1' })
        const columns = { 'new one': 'float64', value: 'text', id: 'int64' }
        const receipt = await load('numbers', disposition, `SELECT 2 AS id, 'b' AS value, 0.5 AS "new one"`, { partition: 'p2', columns })
        expect(receipt.added).toEqual(['new one'])
        expect(await rows('numbers', 'id, value, "new one"')).toEqual(['1|a|', '2|b|0.5'])
        expect(await warehouse.describe('numbers', ctx)).toEqual({ ...COLUMNS, 'new one': 'float64' })
      }
      const { load, warehouse, ctx } = await setup()
      await load('numbers', replace, "SELECT 1 AS id, 'a' AS value")
      const columns = { extra: 'int32', value: 'text', id: 'int64' }
      const receipt = await load('numbers', replace, "SELECT 1 AS id, 'a' AS value, 3 AS extra", { columns, inputKey: 'k2' })
      expect(receipt).toMatchObject({ rows: 1, removed: 1, added: ['extra'] })
      expect(await warehouse.describe('numbers', ctx)).toEqual({ ...COLUMNS, extra: 'int32' })
    })

    it('refuses a changed type and a dropped column, saying column, old and new type, and changes nothing', async () => {
      const { load, rows, tokenOf } = await setup()
      await load('numbers', replacePartition, "SELECT 1 AS id, 'a' AS value", { partition: 'p' })
      for (const disposition of [append, replace, replacePartition, merge()]) {
        const retyped = load('numbers', disposition, "SELECT 1 AS id, 'a' AS value", {
          partition: 'p',
          columns: { id: 'int32', value: 'text' },
          inputKey: 'k2',
        })
        expect(await failure(retyped, ConfigError)).toMatchObject({
          message: 'table "numbers" does not fit the dataset: column "id" is int64 there and int32 in the dataset',
          place: { table: 'numbers', column: 'id' },
        })
      }
      const dropped = load('numbers', replacePartition, 'SELECT 1 AS id', { partition: 'p', columns: { id: 'int64' }, inputKey: 'k2' })
      expect((await failure(dropped, ConfigError)).message).toBe(
        'table "numbers" does not fit the dataset: column "value" (text) is not in the dataset any more',
      )
      expect(await rows('numbers')).toEqual(['1|a|p'])
      expect(await tokenOf('numbers', 'p')).toMatchObject({ inputKey: 'k1' })
    })

    it('takes odd names of tables, columns, partitions and values', async () => {
      const names = ['two words', 'mart.daily', 'it\'s "quoted"', 'Größe 漢字 🦆', 'select', 'semi;colon--', '%s $1 {x}', 'tab\tnew\nline']
      const { load, query, warehouse, ctx } = await setup()
      for (const odd of names) {
        const columns = { id: 'int64', [odd]: 'text' }
        const select = `SELECT range AS id, 'a' AS ${quoteIdentifier(odd)} FROM range(2)`
        await load(odd, replacePartition, select, { partition: odd, columns, load: odd })
        await load(odd, { mode: 'merge', key: [odd, 'id'], order: odd }, select, { partition: odd, columns, inputKey: odd })
        expect(await warehouse.describe(odd, ctx)).toEqual(columns)
        const [row] = await query(`SELECT count(*) AS n, any_value(_partition) AS partition FROM ${quoteIdentifier(odd)}`)
        expect(row).toEqual({ n: '2', partition: odd })
      }
      const tokens = await warehouse.tokens('test', ctx)
      expect(tokens.map((token) => token.table).sort()).toEqual([...names].sort())
    })

    it('refuses a dataset whose files do not hold the rows that it says', async () => {
      for (const disposition of [replace, merge()]) {
        const { folder, load, warehouse, ctx } = await setup()
        const dataset = { ...(await datasetOf(folder, 'numbers', COLUMNS, "SELECT range AS id, 'a' AS value FROM range(5)")), rows: 6 }
        const error = await failure(load('numbers', disposition, '', { dataset }), CheckError)
        expect(error.message).toBe('"numbers" took 5 rows where the dataset says 6')
        expect(await warehouse.describe('numbers', ctx)).toBeUndefined()
        expect(await warehouse.tokens('test', ctx)).toEqual([])
      }
    })

    it('refuses a value that does not fit its type, and leaves nothing', async () => {
      const { folder, load, warehouse, ctx } = await setup()
      const text = await datasetOf(folder, 'numbers', { id: 'text' }, "SELECT 'not a uuid' AS id")
      await failure(load('numbers', replace, '', { dataset: { ...text, columns: { id: 'uuid' } } }), CheckError)
      expect(await warehouse.describe('numbers', ctx)).toBeUndefined()
    })
  })

  describe(`${name}: merge`, () => {
    it('replaces the rows of its keys and adds the others', async () => {
      const { load, rows } = await setup()
      await load('numbers', merge(), "SELECT range AS id, 'a' AS value FROM range(3)")
      const receipt = await load('numbers', merge(), "SELECT range AS id, 'b' AS value FROM range(2, 5)", { inputKey: 'k2' })
      expect(receipt).toEqual({ rows: 3, superseded: 0, removed: 1, added: [] })
      expect(await rows('numbers', 'id, value')).toEqual(['0|a', '1|a', '2|b', '3|b', '4|b'])
    })

    it('does not replace a later partition’s row by an earlier one’s', async () => {
      const { load, rows } = await setup()
      await load('numbers', merge(), "SELECT 1 AS id, 'june' AS value", { partition: '2005-06' })
      const receipt = await load('numbers', merge(), "SELECT range AS id, 'may' AS value FROM range(2)", { partition: '2005-05' })
      expect(receipt).toEqual({ rows: 1, superseded: 1, removed: 0, added: [] })
      expect(await rows('numbers')).toEqual(['0|may|2005-05', '1|june|2005-06'])
    })

    it('does not replace a row by one of an earlier order, and does by one of an equal order', async () => {
      const columns = { id: 'int64', value: 'text', at: 'timestamptz' }
      const row = (id: number, value: string, at: string) => `SELECT ${id} AS id, '${value}' AS value, ${at} AS at`
      const { load, rows } = await setup()
      const day = (n: number) => `TIMESTAMPTZ '2005-05-0${n} 00:00:00+00'`
      await load(
        'numbers',
        merge('at'),
        [row(1, 'a', day(5)), row(2, 'a', day(5)), row(3, 'a', 'NULL'), row(4, 'a', day(5))].join(' UNION ALL '),
        { columns },
      )
      const receipt = await load(
        'numbers',
        merge('at'),
        [row(1, 'b', day(4)), row(2, 'b', day(5)), row(3, 'b', day(1)), row(4, 'b', 'NULL')].join(' UNION ALL '),
        { columns, inputKey: 'k2' },
      )
      expect(receipt).toEqual({ rows: 2, superseded: 2, removed: 2, added: [] })
      expect(await rows('numbers', 'id, value')).toEqual(['1|a', '2|b', '3|b', '4|a'])
    })

    it('deletes the keys of tombstones', async () => {
      const { folder, load, rows } = await setup()
      await load('numbers', merge(), "SELECT range AS id, 'a' AS value FROM range(5)")
      const gone = await datasetOf(folder, 'gone', { id: 'int64' }, 'SELECT 3 AS id UNION ALL SELECT 99')
      const receipt = await load('numbers', merge(), "SELECT 0 AS id, 'b' AS value", { inputKey: 'k2', tombstones: gone.files })
      expect(receipt).toMatchObject({ rows: 1, removed: 2 })
      expect(await rows('numbers', 'id, value')).toEqual(['0|b', '1|a', '2|a', '4|a'])
    })

    it('refuses two rows of one key, naming it, and NULL in a key', async () => {
      const { load, rows } = await setup()
      await load('numbers', merge(), "SELECT 1 AS id, 'a' AS value")
      const twice = load('numbers', merge(), "SELECT unnest([7, 8, 7, 8, 9]) AS id, 'b' AS value", { inputKey: 'k2' })
      expect(await failure(twice, CheckError)).toMatchObject({
        message: 'merge into "numbers" has 2 rows of one key, id=7; 2 keys have more than one row',
        place: { table: 'numbers', column: 'id', value: 'id=7' },
      })
      const empty = load('numbers', { mode: 'merge', key: ['id', 'value'] }, "SELECT 2 AS id, unnest(['a', NULL]) AS value", {
        inputKey: 'k2',
      })
      expect((await failure(empty, CheckError)).message).toBe('merge into "numbers" has NULL in its key (id, value) in 1 of 2 rows')
      expect(await rows('numbers')).toEqual(['1|a|'])
    })

    it('gives the same table whatever the order of partitions, and however often they come', async () => {
      const row = fc.record({
        id: fc.integer({ min: 0, max: 5 }),
        seen: fc.option(fc.integer({ min: 0, max: 3 })),
        value: fc.string({ maxLength: 3 }),
      })
      const partition = fc.uniqueArray(row, { selector: ({ id }) => id, minLength: 1, maxLength: 5 })
      const columns = { id: 'int64', value: 'text', seen: 'int32' }
      await fc.assert(
        fc.asyncProperty(
          fc.array(partition, { minLength: 2, maxLength: 3 }).chain((parts) => {
            const names = parts.map((_, i) => i)
            return fc.tuple(fc.constant(parts), fc.shuffledSubarray([...names, ...names], { minLength: 0 }), fc.boolean())
          }),
          async ([parts, sequence, ordered]) => {
            const { load, rows } = await setup()
            const disposition = merge(ordered ? 'seen' : undefined)
            const one = async (table: string, i: number, attempt: number) => {
              const select = (parts[i] ?? [])
                .map(
                  ({ id, seen, value }) =>
                    `SELECT ${id} AS id, '${value.replaceAll("'", "''").replaceAll('\0', '')}' AS value, ${seen} AS seen`,
                )
                .join(' UNION ALL ')
              await load(table, disposition, select, { partition: `p${i}`, columns, inputKey: `k${attempt}` })
            }
            for (let i = 0; i < parts.length; i++) await one('straight', i, 0)
            const whole = [...sequence, ...parts.keys()].reverse()
            for (const [attempt, i] of whole.entries()) await one('shuffled', i, attempt)
            expect(await rows('shuffled', 'id, value, seen, _partition')).toEqual(await rows('straight', 'id, value, seen, _partition'))
          },
        ),
        { numRuns: orders },
      )
    })
  })

  describe(`${name}: copyOut`, () => {
    const types: Columns = {
      b: 'boolean',
      i8: 'int8',
      i: 'int64',
      u: 'uint64',
      f: 'float64',
      d: 'decimal(38,4)',
      t: 'text',
      y: 'bytes',
      day: 'date',
      clock: 'time',
      ts: 'timestamp',
      tz: 'timestamptz',
      gap: 'interval',
      id: 'uuid',
      doc: 'json',
      l: 'list(int32)',
      texts: 'list(text)',
      days: 'list(date)',
      gaps: 'list(interval)',
      bytes: 'list(bytes)',
      sums: 'list(decimal(9,2))',
      s: 'struct(a int32, "b c" list(text))',
      ls: 'list(struct(a int32, d decimal(38,4)))',
    }
    const values = `SELECT true AS b, (-128)::TINYINT AS i8, 9007199254740993 AS i, 18446744073709551615 AS u, 'NaN'::DOUBLE AS f, 1234567890123456789012345678901234.5678 AS d,
      'a\\N "quoted"' || chr(10) || 'é' AS t, '\\x00\\xFF'::BLOB AS y, DATE '0044-03-15 (BC)' AS day, TIME '23:59:59.999999' AS clock, TIMESTAMP '2013-11-03 01:00:00.000001' AS ts,
      TIMESTAMPTZ '2013-11-03 01:00:00-04' AS tz, INTERVAL '1 month -2 days 30 hours 3.000004 seconds' AS gap, 'f81d4fae-7dec-11d0-a765-00a0c91e6bf6' AS id, '{"a": 1.0,  "b":null}' AS doc,
      [1, NULL] AS l, ['', NULL, '"x", {}'] AS texts, [DATE '2024-02-29', DATE '0044-03-15 (BC)'] AS days, [INTERVAL '-30 hours', NULL] AS gaps, ['\\x00a'::BLOB, NULL] AS bytes, [1.10, -0.01] AS sums,
      {'a': 1, 'b c': ['x', NULL]} AS s, [{'a': 1, 'd': 1.5}] AS ls`
    const none = (names: readonly string[], value: string) => names.map((column) => `${value} AS ${column}`).join(', ')
    const rowsOf = async (file: string, columns: Columns) => {
      const db = await connectToTestEngine()
      const typed = Object.entries(columns).map(([column, type]) => [column, /^[a-z]/.test(type) ? type : 'text'])
      return db.meta(`${relationOfFiles(Object.fromEntries(typed), [file])} ORDER BY ALL`).finally(() => db.close())
    }

    it('gives the rows of a partition, every type and value as it was loaded', async () => {
      const { folder, load, warehouse, ctx } = await setup()
      const empty = ['t', 'l', 'texts', 'days', 'gaps', 'bytes', 'sums', 'ls'] as const
      const select = `${values} UNION ALL BY NAME SELECT ${none(Object.keys(types), 'NULL')} UNION ALL BY NAME SELECT '' AS t, ${none(empty.slice(1), '[]')}, 'infinity'::TIMESTAMP AS ts, '-infinity'::DOUBLE AS f`
      await load('types', replacePartition, select, { columns: types, partition: 'p' })
      await load('types', replacePartition, values, { columns: types, partition: 'q' })
      const path = join(folder, 'present.parquet')
      const receipt = await warehouse.copyOut({ table: 'types', partition: 'p', columns: types, path }, ctx)
      expect(receipt).toEqual({ columns: types, rows: 3 })
      const wanted = await datasetOf(folder, 'wanted', types, select)
      expect(await rowsOf(path, types)).toEqual(await rowsOf(wanted.files[0] ?? '', types))
      expect(await rowsOf(path, { _partition: 'text' })).toEqual([{ _partition: 'p' }, { _partition: 'p' }, { _partition: 'p' }])
    })

    it('gives also the rows of other partitions that have one of the keys; without a partition these alone, or all', async () => {
      const { folder, load, warehouse, ctx, tokenOf } = await setup()
      for (const [i, partition] of ["a'b", 'p', 'q'].entries())
        await load('numbers', merge(), `SELECT 10 * ${i} + range AS id, '${i}' AS value FROM range(3)`, { partition })
      const keys = await datasetOf(folder, 'keys', COLUMNS, "SELECT unnest([1, 11, 22, 99]) AS id, 'x' AS value")
      const token = await tokenOf('numbers', 'p')
      let made = 0
      const copied = async (asked: Pick<RowsRequest, 'partition' | 'keys'>) => {
        const path = join(folder, `rows-${++made}.parquet`)
        const receipt = await warehouse.copyOut({ table: 'numbers', columns: COLUMNS, path, ...asked }, ctx)
        const found = await rowsOf(path, { id: 'int64', _partition: 'text' })
        expect(receipt?.rows).toBe(found.length)
        return found.map((row) => Object.values(row).join('|'))
      }
      const named = (id: string) => ({ keys: { columns: { id }, files: keys.files } })
      expect(await copied({ partition: 'p', ...named('int64') })).toEqual(["1|a'b", '10|p', '11|p', '12|p', '22|q'])
      expect(await copied(named('int64'))).toEqual(["1|a'b", '11|p', '22|q'])
      expect(await copied({ partition: "a'b" })).toEqual(["0|a'b", "1|a'b", "2|a'b"])
      expect(await copied({})).toHaveLength(9)
      // Of another type no key is one of the table's.
      expect(await copied({ partition: 'p', ...named('text') })).toEqual(['10|p', '11|p', '12|p'])
      expect(await copied(named('text'))).toEqual([])
      expect(await tokenOf('numbers', 'p')).toEqual(token)
    })

    it('makes no file where there is no table, or no warehouse yet', async () => {
      const { folder, load, warehouse, ctx, drop } = await setup()
      const request = { table: 'numbers', partition: 'p', columns: COLUMNS, path: join(folder, 'present.parquet') }
      expect(await warehouse.copyOut(request, ctx)).toBeUndefined()
      await load('numbers', replacePartition, "SELECT 1 AS id, 'a' AS value", { partition: 'p' })
      await drop('numbers')
      expect(await warehouse.copyOut(request, ctx)).toBeUndefined()
      expect(existsSync(request.path)).toBe(false)
    })

    it('stops where it is aborted, with the signal’s reason, and works again after', async () => {
      const { folder, load, warehouse } = await setup()
      await load('numbers', replacePartition, `SELECT range AS id, 'abc' AS value FROM range(${abortedRows / 4})`, { partition: 'p' })
      for (const ms of [0, 5, 30, 60]) {
        const abort = new AbortController()
        const reason = new Error('stop')
        const path = join(folder, `aborted-${ms}.parquet`)
        const copying = warehouse.copyOut(
          { table: 'numbers', partition: 'p', columns: COLUMNS, path },
          testContext({ signal: abort.signal }),
        )
        setTimeout(() => abort.abort(reason), ms)
        await copying.then(
          () => undefined,
          (error: unknown) => expect(error).toBe(reason),
        )
      }
      const path = join(folder, 'whole.parquet')
      const receipt = await warehouse.copyOut({ table: 'numbers', partition: 'p', columns: COLUMNS, path }, testContext())
      expect(receipt?.rows).toBe(abortedRows / 4)
    })
  })

  describe(`${name}: tokens`, () => {
    it('of an absent warehouse are none, and asking does not make one', async () => {
      const { warehouse, ctx } = await setup()
      expect(await warehouse.tokens('test', ctx)).toEqual([])
      expect(await warehouse.describe('numbers', ctx)).toBeUndefined()
      const other = (await open(temporaryFolder())).connection.openWarehouse({ extensions: NO_EXTENSIONS })
      expect(await other.tokens('test', ctx)).toEqual([])
    })

    it('are one for each pipeline, table and partition, the last that was loaded', async () => {
      const { load, warehouse, ctx } = await setup()
      const select = "SELECT 1 AS id, 'a' AS value"
      await load('numbers', replacePartition, select, { partition: 'p1', loads: { customer: 3, film: 1 } })
      await load('numbers', replacePartition, select, { partition: 'p2' })
      await load('numbers', replacePartition, select, { partition: 'p1', inputKey: 'k2', loads: { customer: 4 } })
      expect(await warehouse.tokens('test', ctx)).toEqual([
        { pipeline: 'test', table: 'numbers', partition: 'p1', inputKey: 'k2', loads: { customer: 4 } },
        { pipeline: 'test', table: 'numbers', partition: 'p2', inputKey: 'k1', loads: {} },
      ])
      expect(await warehouse.tokens('another', ctx)).toEqual([])
    })

    it('of a table that was dropped are none, for every pipeline, and stay none when one load has made it again', async () => {
      const { load, rows, warehouse, drop, request, ctx } = await setup()
      const select = "SELECT 1 AS id, 'a' AS value"
      await load('numbers', replacePartition, select, { partition: 'p1' })
      await load('numbers', replacePartition, select, { partition: 'p2' })
      await load('others', replace, select)
      await drop('numbers')
      expect((await warehouse.tokens('test', ctx)).map(({ table }) => table)).toEqual(['others'])
      await load('numbers', replacePartition, select, { partition: 'p2' })
      expect((await warehouse.tokens('test', ctx)).map(({ table, partition }) => `${table}|${partition}`)).toEqual([
        'numbers|p2',
        'others|',
      ])
      expect(await rows('numbers')).toEqual(['1|a|p2'])
      // What another pipeline had loaded into it is gone, too.
      await drop('numbers')
      const asked = await request('numbers', replace, select)
      await warehouse.load({ ...asked, token: { ...asked.token, pipeline: 'another' } }, ctx)
      expect((await warehouse.tokens('test', ctx)).map(({ table }) => table)).toEqual(['others'])
    })

    it('let a load commit only where they are still as expected', async () => {
      const { load, rows, tokenOf, warehouse, ctx } = await setup()
      await load('numbers', append, "SELECT 1 AS id, 'a' AS value", { expected: undefined, loads: { customer: 1 } })
      const first = await tokenOf('numbers', '')
      const stale: (Token | undefined)[] = [
        undefined,
        { pipeline: 'test', table: 'numbers', partition: '', inputKey: 'k0', loads: { customer: 1 } },
        { pipeline: 'test', table: 'numbers', partition: '', inputKey: 'k1', loads: { customer: 2 } },
      ]
      for (const expected of stale) {
        const error = await failure(load('numbers', append, "SELECT 2 AS id, 'b' AS value", { expected, inputKey: 'k2' }), OutrunError)
        expect(error.message).toBe('another run has loaded "numbers" in the meantime')
      }
      expect(await rows('numbers')).toEqual(['1|a|'])
      await load('numbers', append, "SELECT 2 AS id, 'b' AS value", { expected: first, inputKey: 'k2' })
      expect(await warehouse.tokens('test', ctx)).toHaveLength(1)
      expect(await rows('numbers')).toEqual(['1|a|', '2|b|'])
    })

    it('refuse the same load again after a lost reply: the caller reads them and finds its own', async () => {
      const { request, warehouse, ctx, rows, tokenOf } = await setup()
      const lost = await request('numbers', append, "SELECT 1 AS id, 'a' AS value")
      await warehouse.load(lost, ctx)
      await failure(warehouse.load(lost, ctx), OutrunError)
      expect(await tokenOf('numbers', '')).toEqual(lost.token)
      expect(await rows('numbers')).toEqual(['1|a|'])
    })

    it('take the same key again when it is expected (a forced load)', async () => {
      const { load, rows } = await setup()
      for (let i = 0; i < 2; i++) await load('numbers', replacePartition, "SELECT 1 AS id, 'a' AS value", { partition: 'p' })
      expect(await rows('numbers')).toEqual(['1|a|p'])
    })
  })

  describe(`${name}: atomicity`, () => {
    it('a load aborted at any instant leaves nothing and throws the signal’s reason', async () => {
      const { folder, load, warehouse, ctx } = await setup()
      const select = `SELECT range AS id, repeat('x', 100) || range AS value FROM range(${abortedRows})`
      const dataset = await datasetOf(folder, 'numbers', COLUMNS, select)
      for (const delayMs of [0, 30, 100, 200]) {
        const control = new AbortController()
        const reason = new Error(`stop after ${delayMs} ms`)
        const aborted = load('numbers', merge(), '', { dataset, ctx: testContext({ signal: control.signal }) })
        setTimeout(() => control.abort(reason), delayMs)
        await expect(aborted).rejects.toBe(reason)
        expect(await warehouse.tokens('test', ctx)).toEqual([])
        expect(await warehouse.describe('numbers', ctx)).toBeUndefined()
      }
      await load('numbers', replace, "SELECT 1 AS id, 'a' AS value")
    })

    it('loaders at once in one process take their turns, and of two with one token one commits', async () => {
      const { load, rows, request, connection, tools, ctx } = await setup()
      const parts = Array.from({ length: 4 }, (_, i) => `p${i}`)
      await Promise.all(parts.map((partition) => load('numbers', replacePartition, "SELECT 1 AS id, 'a' AS value", { partition })))
      expect(await rows('numbers')).toEqual(parts.map((partition) => `1|a|${partition}`))
      const same = await request('twice', append, "SELECT 1 AS id, 'a' AS value")
      const outcomes = await Promise.allSettled([
        connection.openWarehouse(tools).load(same, ctx),
        connection.openWarehouse(tools).load(same, ctx),
      ])
      expect(outcomes.map((outcome) => outcome.status).sort()).toEqual(['fulfilled', 'rejected'])
      expect(await rows('twice')).toHaveLength(1)
    })

    it('loaders in other processes take their turns', async () => {
      const { elsewhere, request, rows } = await setup()
      const children = await Promise.all(
        ['p0', 'p1', 'p2'].map(async (partition) =>
          child({
            ...elsewhere,
            workspace: temporaryFolder(),
            request: await request('numbers', replacePartition, "SELECT range AS id, 'a' AS value FROM range(1000)", { partition }),
          }),
        ),
      )
      for (const { exited } of children) expect(await exited).toContain('done')
      expect(await rows('numbers', 'count(*)', '1')).toEqual(['3000'])
      expect(await rows('numbers', 'DISTINCT _partition')).toEqual(['p0', 'p1', 'p2'])
    })

    it('a kill -9 at any instant leaves rows and token both or neither, and a rerun works', async () => {
      const { folder, elsewhere, request, query, warehouse, ctx, rows, tokenOf, settled } = await setup()
      const columns = { id: 'int64', value: 'text' }
      const dataset = await datasetOf(
        folder,
        'numbers',
        columns,
        `SELECT range AS id, md5(range::VARCHAR) AS value FROM range(${killedRows})`,
      )
      const unkilled = child({ ...elsewhere, workspace: temporaryFolder(), request: await request('warm', replace, '', { dataset }) })
      await unkilled.begun
      const begun = performance.now()
      expect(await unkilled.exited).toContain('done')
      let durationMs = performance.now() - begun
      let killed = 0
      for (let i = 0; killed < kills && i < 6 * kills; i++) {
        const disposition = i % 2 === 0 ? replacePartition : merge()
        const inputKey = `kill-${i}`
        const before = await tokenOf('killed', 'p')
        const task = await request('killed', disposition, '', { dataset, partition: 'p', inputKey, load: inputKey })
        const { process, begun: ready, exited } = child({ ...elsewhere, workspace: temporaryFolder(), request: task })
        await ready
        // Multiples of the golden ratio spread the instants over the load however many there are.
        await new Promise((resolve) => setTimeout(resolve, durationMs * ((i * 0.618) % 1)))
        process.kill('SIGKILL')
        if ((await exited).includes('done')) durationMs *= 0.8
        else killed++
        await settled?.()
        const token = await tokenOf('killed', 'p')
        const there = await warehouse.describe('killed', ctx)
        const loads = there ? await query('SELECT _load, count(*) AS n FROM killed GROUP BY ALL') : []
        if (token?.inputKey !== inputKey) expect(token).toEqual(before)
        expect(loads).toEqual(token ? [{ _load: token.inputKey, n: String(killedRows) }] : [])
      }
      expect(killed).toBe(kills)
      await warehouse.load(await request('killed', replacePartition, '', { dataset, partition: 'p', inputKey: 'last' }), ctx)
      expect(await rows('killed', 'count(*)', '1')).toEqual([String(killedRows)])
    }, 180_000)
  })
}

function child(task: ChildTask): { readonly process: ChildProcess; readonly begun: Promise<void>; readonly exited: Promise<string> } {
  const script = fileURLToPath(new URL('./warehouse-child.ts', import.meta.url))
  const started = spawn(process.execPath, [script, JSON.stringify(task)], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  const begun = new Promise<void>((resolve, reject) => {
    started.stdout?.on('data', (data: Buffer) => {
      output += data.toString()
      if (output.includes('begin')) resolve()
    })
    started.on('exit', () => reject(new Error(`the child ended before it began: ${output}`)))
  })
  begun.catch(() => {})
  return { process: started, begun, exited: once(started, 'close').then(() => output) }
}
