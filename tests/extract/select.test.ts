import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Relation } from '../../lib/connectors/source.ts'
import { CheckError } from '../../lib/core/errors.ts'
import { type DuckDB, openDuckDB } from '../../lib/engines/duckdb.ts'
import { openReader, type Reader } from '../../lib/engines/reader.ts'
import { explainMisfit } from '../../lib/extract/explain.ts'
import { type SelectRequest, selectDeclared } from '../../lib/extract/select.ts'
import { testContext } from '../kit/context.ts'

const temp = mkdtempSync(join(tmpdir(), 'millrace-select-'))
const limits = { memoryBytes: 2 ** 29, threads: 2, readerMemoryBytes: 2 ** 30, readerTimeoutMs: 60_000 }
let db: DuckDB
let reader: Reader
beforeAll(async () => {
  db = await openDuckDB({ memoryBytes: 2 ** 29, threads: 1, temp: join(temp, 'db') })
  reader = openReader({ limits, zone: 'UTC', temp: join(temp, 'reader') })
})
afterAll(async () => {
  db.close()
  await reader.close()
  rmSync(temp, { recursive: true, force: true })
})

/** A relation of text values. */
function texts(columns: readonly string[], rows: readonly (readonly (string | null)[])[], more: Partial<Relation> = {}): Relation {
  const values = rows.map((row) => `(${row.map((v) => (v === null ? 'NULL' : `'${v.replaceAll("'", "''")}'`)).join(', ')})`).join(', ')
  const list = columns.map((name) => `"${name}"::VARCHAR AS "${name}"`).join(', ')
  const sql = `SELECT ${list} FROM (VALUES ${values}) AS x(${columns.map((name) => `"${name}"`).join(', ')})`
  return {
    sql,
    raw: Object.fromEntries(columns.map((name) => [name, 'text'])),
    located: `SELECT *, 'x.csv' AS _file, row_number() OVER () AS _row FROM (${sql})`,
    before: [],
    close: async () => undefined,
    ...more,
  }
}

const rowsOf = async (relation: Relation, request: Omit<SelectRequest, 'dataset'>) => {
  const { sql, values } = selectDeclared(relation, { dataset: 'd', ...request })
  return db.meta(sql, values ?? {})
}

describe('selectDeclared', () => {
  it('gives the declared columns in their order, cast', async () => {
    const relation = texts(['a', 'b', 'unused'], [['1', 'x', 'y']])
    expect(await rowsOf(relation, { columns: { b: 'text', a: 'int8' }, kind: { by: 'whole' } })).toEqual([{ b: 'x', a: '1' }])
    const { sql } = selectDeclared(relation, { dataset: 'd', columns: { b: 'uuid', a: 'interval' }, kind: { by: 'whole' } })
    expect((await db.describe(sql)).map(({ type }) => type)).toEqual(['VARCHAR', 'VARCHAR'])
  })

  const hours = texts(
    ['at', 'v'],
    ['2018-02-03T23:59:59Z', '2018-02-04T00:00:00Z', '2018-02-04T23:59:59.999999Z', '2018-02-05T00:00:00Z'].map((at, i) => [at, String(i)]),
  )
  const window = { start: new Date('2018-02-04T00:00:00Z'), end: new Date('2018-02-05T00:00:00Z') }

  it('cuts to the window, its end left out', async () => {
    const rows = await rowsOf(hours, { columns: { at: 'timestamptz', v: 'int8' }, kind: { by: 'window', column: 'at' }, window })
    expect(rows.map(({ v }) => v)).toEqual(['1', '2'])
  })

  it('fails for a row without a window value, native or cast, in time or date, in an expression', async () => {
    const times = texts(
      ['at', 'v'],
      [
        ['2018-02-04T00:00:00Z', '1'],
        [null, '2'],
        ['2018-02-09T00:00:00Z', '3'],
      ],
    )
    const at = (type: string, more: Partial<Relation> = {}): Relation => ({
      ...times,
      sql: `SELECT "at"::${type} AS "at", v FROM (${times.sql})`,
      ...more,
    })
    const cases: readonly [Relation, Omit<SelectRequest, 'dataset'>][] = [
      [times, { columns: { at: 'timestamptz', v: 'int8' }, kind: { by: 'window', column: 'at' }, window }],
      [
        at('TIMESTAMPTZ', { raw: { at: 'timestamptz', v: 'text' } }),
        { columns: { at: 'timestamptz' }, kind: { by: 'window', column: 'at' }, window },
      ],
      [
        at('TIMESTAMP', { raw: { at: 'timestamp', v: 'text' } }),
        { columns: { at: 'timestamp' }, kind: { by: 'window', column: 'at' }, window },
      ],
      [
        at('DATE', { raw: { at: 'date', v: 'text' }, zone: 'UTC' }),
        { columns: { at: 'date' }, kind: { by: 'window', column: 'at' }, window },
      ],
      [
        at('JSON', {
          sql: `SELECT CASE WHEN "at" IS NULL THEN 'null'::JSON ELSE to_json("at") END AS "at", v FROM (${times.sql})`,
          raw: { at: 'json', v: 'text' },
        }),
        { columns: { at: 'timestamptz' }, kind: { by: 'window', column: 'at' }, window },
      ],
      [
        times,
        {
          columns: { t: 'timestamptz' },
          source: { at: 'timestamptz' },
          expressions: { t: '"at"' },
          kind: { by: 'window', column: 't' },
          window,
        },
      ],
    ]
    for (const [relation, request] of cases) {
      const [column] = Object.keys(request.columns)
      await expect(rowsOf(relation, request)).rejects.toThrow(`"d" has a row without ${column}, its window`)
      const { window: _, ...whole } = request
      expect(await rowsOf(relation, whole)).toHaveLength(3)
    }
  })

  it('cuts naive times and dates in the zone of the source, else of the session', async () => {
    const naive = texts(
      ['at', 'v'],
      [
        ['2018-02-03 18:59:59', '0'],
        ['2018-02-03 19:00:00', '1'],
        ['2018-02-04 18:59:59', '2'],
        ['2018-02-04 19:00:00', '3'],
      ],
    )
    const request = { columns: { at: 'timestamp', v: 'int8' }, kind: { by: 'window', column: 'at' }, window } as const
    expect((await rowsOf({ ...naive, zone: 'America/New_York' }, request)).map(({ v }) => v)).toEqual(['1', '2'])
    expect((await rowsOf(naive, request)).map(({ v }) => v)).toEqual(['2', '3'])
    const days = texts(['at'], [['2018-02-03'], ['2018-02-04'], ['2018-02-05']])
    expect(await rowsOf(days, { columns: { at: 'date' }, kind: { by: 'window', column: 'at' }, window })).toEqual([{ at: '2018-02-04' }])
  })

  it('casts nothing outside the window', async () => {
    const relation = texts(
      ['at', 'v'],
      [
        ['2018-02-03T00:00:00Z', 'not a number'],
        ['2018-02-04T00:00:00Z', '1'],
      ],
    )
    expect(
      await rowsOf(relation, { columns: { at: 'timestamptz', v: 'int8' }, kind: { by: 'window', column: 'at' }, window }),
    ).toHaveLength(1)
  })

  it('cuts to the cursor, the value itself read again', async () => {
    const relation = texts(['id'], [['9'], ['10'], ['11']])
    const request = { columns: { id: 'int64' }, kind: { by: 'cursor', column: 'id' } } as const
    expect(await rowsOf(relation, { ...request, from: '10' })).toEqual([{ id: '10' }, { id: '11' }])
    expect(await rowsOf(relation, request)).toHaveLength(3)
  })

  it('gives rows without a cursor too, at each read: landing refuses them', async () => {
    const request = { columns: { id: 'int64' }, kind: { by: 'cursor', column: 'id' } } as const
    expect(await rowsOf(texts(['id'], [['9'], [null], ['11']]), { ...request, from: '10' })).toEqual([{ id: null }, { id: '11' }])
  })

  it('computes expressions over the declared columns of the source', async () => {
    const relation = texts(
      ['properties', 'id'],
      [
        ['{"time": 1517443200123, "mag": "1.5"}', '7'],
        [null, '8'],
      ],
    )
    const request = {
      columns: { id: 'int64', time: 'timestamptz', strong: 'boolean' },
      source: { id: 'int64', properties: 'struct(time int64, mag float64)' },
      expressions: { id: 'id', time: "epoch_ms(properties.time)::TIMESTAMP AT TIME ZONE 'UTC'", strong: 'properties.mag > 1' },
      kind: { by: 'whole' },
    } as const
    expect(await rowsOf(relation, request)).toEqual([
      { id: '7', time: '2018-02-01 00:00:00.123+00', strong: 'true' },
      { id: '8', time: null, strong: null },
    ])
  })

  it('is strict with what an expression gives', async () => {
    const relation = texts(['a'], [['1.5']])
    const half = (type: string, expression = 'a') =>
      rowsOf(relation, { columns: { x: type }, source: { a: 'float64' }, expressions: { x: expression }, kind: { by: 'whole' } })
    await expect(half('int32')).rejects.toThrow('!1.5')
    await expect(half('int32', 'a::VARCHAR')).rejects.toThrow('!1.5')
    expect(await half('int32', 'a * 2')).toEqual([{ x: '3' }])
    expect(await half('decimal(5,2)', 'a')).toEqual([{ x: '1.50' }])
    expect(await half('text', 'a')).toEqual([{ x: '1.5' }])
    expect(await half('json', "{'k': a}")).toEqual([{ x: '{"k":1.5}' }])
  })

  it('refuses a window column that is no time, and one that is not there', () => {
    const relation = texts(['a'], [['1']])
    const request = { dataset: 'd', columns: { a: 'int64' }, window } as const
    expect(() => selectDeclared(relation, { ...request, kind: { by: 'window', column: 'a' } })).toThrow(
      'window column "a" must be a date, timestamp or timestamptz',
    )
    expect(() => selectDeclared(relation, { ...request, kind: { by: 'window', column: 'b' } })).toThrow(
      'window column "b" is not among the columns of "d"',
    )
  })
})

describe('explainMisfit', () => {
  const explain = async (relation: Relation, request: Omit<SelectRequest, 'dataset'>) => {
    const full = { dataset: 'd', ...request }
    const { sql, values } = selectDeclared(relation, full)
    const failed = await reader.execute({ dataset: 'd', meta: { sql, ...(values && { values }) } }).then(
      () => undefined,
      (error: unknown) => error,
    )
    return explainMisfit(relation, full, failed, reader, testContext())
  }

  it('names column, row, file and value of the first row that does not fit', async () => {
    const relation = texts(
      ['id', 'dep delay'],
      [
        ['1', '5'],
        ['2', 'abc'],
        ['x', '7'],
      ],
    )
    expect(await explain(relation, { columns: { id: 'int8', 'dep delay': 'float64' }, kind: { by: 'whole' } })).toMatchObject({
      name: 'CheckError',
      message: 'column "dep delay" row 2 of x.csv: "abc" is not a float64',
      place: { dataset: 'd', column: 'dep delay', row: 2, file: 'x.csv', value: 'abc' },
    })
  })

  it('cuts a long value', async () => {
    const error = await explain(texts(['a'], [['x'.repeat(5000)]]), { columns: { a: 'int8' }, kind: { by: 'whole' } })
    expect(error).toMatchObject({ place: { value: 'x'.repeat(200) } })
  })

  it('looks at the source below an expression, then at the expression', async () => {
    const request = { columns: { y: 'int8' }, source: { a: 'int16' }, expressions: { y: 'a * 2' }, kind: { by: 'whole' } } as const
    expect(await explain(texts(['a'], [['1'], ['1.5']]), request)).toMatchObject({
      message: 'column "a" row 2 of x.csv: "1.5" is not an int16',
    })
    expect(await explain(texts(['a'], [['1'], [null], ['100']]), request)).toMatchObject({
      message: 'column "y" row 3 of x.csv: "200" is not an int8',
    })
  })

  it('names the row where an expression itself fails', async () => {
    const request = { columns: { y: 'timestamp' }, source: { a: 'text' }, kind: { by: 'whole' } } as const
    const relation = texts(['a'], [['2001/01/01 00:47'], [null], ['no time']])
    for (const y of ["strptime(a, '%Y/%m/%d %H:%M')", 'a::TIMESTAMP'])
      expect(await explain(relation, { ...request, expressions: { y } })).toMatchObject({
        message: 'column "y" row 3 of x.csv: gives no value',
        place: { column: 'y', row: 3 },
      })
  })

  it('passes over rows outside the window', async () => {
    const relation = texts(
      ['at', 'v'],
      [
        ['2018-02-03T00:00:00Z', 'x'],
        ['2018-02-04T00:00:00Z', 'y'],
      ],
    )
    const window = { start: new Date('2018-02-04T00:00:00Z'), end: new Date('2018-02-05T00:00:00Z') }
    const request = { columns: { at: 'timestamptz', v: 'int8' }, kind: { by: 'window', column: 'at' }, window } as const
    expect(await explain(relation, request)).toMatchObject({ message: 'column "v" row 2 of x.csv: "y" is not an int8' })
  })

  it('names the row that has no window value, wherever the others are, and what to do', async () => {
    const window = { start: new Date('2018-02-04T00:00:00Z'), end: new Date('2018-02-05T00:00:00Z') }
    const expected = (column: string) => ({
      name: 'CheckError',
      message: `column "${column}" row 2 of x.csv: has no value, and is the window: the row would be in no partition`,
      hint: 'give it a value with columns: { … }',
      place: { dataset: 'd', column, row: 2, file: 'x.csv' },
    })
    const relation = texts(
      ['at', 'v'],
      [
        ['2018-02-03T00:00:00Z', '1'],
        [null, '2'],
        ['2018-02-04T00:00:00Z', '3'],
      ],
    )
    const columns = { at: 'timestamptz', v: 'int8' }
    expect(await explain(relation, { columns, kind: { by: 'window', column: 'at' }, window })).toMatchObject(expected('at'))
    const request = {
      columns: { t: 'timestamptz' },
      source: columns,
      expressions: { t: '"at"' },
      kind: { by: 'window', column: 't' },
      window,
    } as const
    expect(await explain(relation, request)).toMatchObject(expected('t'))
  })

  it('names a file that the source wrote itself as people know it', async () => {
    const said =
      'JSON transform error in file "/w/http-x/000000-000001.json", in record/value 1: Object {"id":1,"id":2} has duplicate key "id"'
    const error = new CheckError('reading "d"', { cause: new Error(said) })
    const explained = (more: Partial<Relation>) =>
      explainMisfit(
        texts(['a'], [['1']], more),
        { dataset: 'd', columns: { a: 'int8' }, kind: { by: 'whole' } },
        error,
        reader,
        testContext(),
      )
    const record = (file: string) => ({
      message: `record 1 of ${file}: Object {"id":1,"id":2} has duplicate key "id"`,
      place: { dataset: 'd', file },
    })
    const called = (name: string) => (name === '000000-000001.json' ? 'https://api.example.com/things?page=1' : undefined)
    expect(await explained({ called })).toMatchObject(record('https://api.example.com/things?page=1'))
    expect(await explained({})).toMatchObject(record('000000-000001.json'))
  })

  it('gives other errors back as they are', async () => {
    const other = new Error('something else')
    const relation = texts(['a'], [['1']])
    expect(
      await explainMisfit(relation, { dataset: 'd', columns: { a: 'int8' }, kind: { by: 'whole' } }, other, reader, testContext()),
    ).toBe(other)
  })
})
