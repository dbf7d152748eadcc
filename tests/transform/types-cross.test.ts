import { join } from 'node:path'
import type { LazyDataFrame } from 'nodejs-polars'
import pl from 'nodejs-polars'
import { expect, onTestFinished, test } from 'vitest'
import type { Dataset } from '../../lib/core/dataset.ts'
import { openDuckDB } from '../../lib/engines/duckdb.ts'
import { casts, fileColumns, relationOfFiles } from '../../lib/engines/relation.ts'
import { bindSteps } from '../../lib/transform/bind.ts'
import { transform } from '../../lib/transform/run.ts'
import { temporaryFolder, testContext } from '../kit/context.ts'

/** Each carried type with values at its edges, as DuckDB's expressions. Two values each; a third row is all NULL. */
const values: Readonly<Record<string, readonly [string, string]>> = {
  boolean: ['true', 'false'],
  int8: ['-128', '127'],
  int16: ['-32768', '32767'],
  int32: ['-2147483648', '2147483647'],
  int64: ['-9223372036854775808', '9223372036854775807'],
  uint8: ['0', '255'],
  uint16: ['0', '65535'],
  uint32: ['0', '4294967295'],
  uint64: ['0', '18446744073709551615'],
  float32: ["'nan'", '-3.4028235e38'],
  float64: ["'-infinity'", '4.9e-324'],
  'decimal(5,2)': ['-999.99', '0.01'],
  'decimal(18,4)': ['99999999999999.9999', '-0.0001'],
  'decimal(38,10)': ['9999999999999999999999999999.9999999999', '-0.0000000001'],
  'decimal(38,0)': ['99999999999999999999999999999999999999', '-1'],
  text: ["''", "'naïve 😀 \" '' \n \\ '"],
  bytes: ["'\\x00\\xFF'::BLOB", "''::BLOB"],
  date: ["'0001-01-01'", "'-infinity'"],
  time: ["'00:00:00'", "'23:59:59.999999'"],
  timestamp: ["'0001-01-01 00:00:00.000001'", "'infinity'"],
  timestamptz: ["'2013-11-03 05:30:00.123456+00'", "'2013-11-03 06:30:00.123456+00'"],
  interval: ["INTERVAL '14 months -3 days 1 microsecond'", "INTERVAL '0 days'"],
  uuid: ["'00000000-0000-0000-0000-000000000000'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'"],
  json: ['\'{"a": [1, null, "x"]}\'', "'null'"],
  'list(int64)': ['[9007199254740993, NULL]', '[]'],
  'list(list(decimal(10,3)))': ['[[1.234], [], NULL]', '[]'],
  'struct(a int32, "b c" list(timestamptz))': ["{'a': 1, 'b c': ['2018-01-01 00:00:00+00']}", "{'a': NULL, 'b c': []}"],
  'list(struct(u uuid, j json))': ["[{'u': '00000000-0000-0000-0000-000000000001', 'j': '{\"k\": 1}'}]", '[]'],
  'list(interval)': ["[INTERVAL '1 microsecond']", '[]'],
}
const columns = Object.fromEntries(Object.keys(values).map((type, i) => [`c${i}`, type]))
/** A frame reads no interval: those stay in SQL. */
const framed = Object.entries(columns).filter(([, type]) => !type.includes('interval'))
const text = { json: 'text', uuid: 'text', 'list(struct(u uuid, j json))': 'list(struct(u text, j text))' } as Readonly<
  Record<string, string>
>

const row = (i: 0 | 1 | undefined) =>
  `SELECT ${Object.entries(columns)
    .map(([name, type]) => `${i === undefined ? 'NULL' : values[type]?.[i]} AS ${name}`)
    .join(', ')}`

test('transform carries every type through Parquet, SQL, a frame and SQL again', async () => {
  const db = await openDuckDB({ memoryBytes: 256 * 2 ** 20, threads: 1, temp: temporaryFolder() })
  onTestFinished(() => db.close())
  const file = join(temporaryFolder(), 'source.parquet')
  const source = [0, 1, undefined].map((i) => `SELECT ${casts(columns)} FROM (${row(i as 0 | 1)})`).join(' UNION ALL ')
  await db.run(`COPY (SELECT ${casts(fileColumns(columns))} FROM (${source})) TO '${file}' (FORMAT parquet)`)
  const input: Dataset = { name: 'source', columns, files: [file], rows: 3, hash: 'h' }
  const back = framed.map(([name, type]) => (text[type] ? `CAST(${name} AS ${sqlType(type)}) AS ${name}` : name))

  const bound = await bindSteps({
    extracted: { source: { columns, by: 'whole' } },
    steps: {
      first: { engine: 'duckdb', values: [], text: 'SELECT * FROM source' },
      plain: { engine: 'duckdb', values: [], text: `SELECT ${framed.map(([name]) => name).join(', ')} FROM first` },
      frame: {
        engine: 'polars',
        frame: ({ plain }) => (plain as never as LazyDataFrame).withColumns(pl.col('c1').alias('again')) as never,
      },
      last: { engine: 'duckdb', values: [], text: `SELECT ${back.join(', ')} FROM frame` },
    },
    parameters: {},
    partitioned: 'none',
    wanted: [],
  })
  expect(bound.datasets.first?.columns).toEqual(columns)
  expect(bound.datasets.frame?.columns).toEqual({
    ...Object.fromEntries(framed.map(([name, type]) => [name, text[type] ?? type])),
    again: 'int8',
  })
  expect(bound.datasets.last?.columns).toEqual(Object.fromEntries(framed))

  const result = await transform(
    bound,
    { inputs: { source: input }, wanted: ['first', 'last'], window: {}, parameters: {}, zone: 'America/New_York' },
    testContext(),
  )
  const rows = async (select: string) =>
    (
      await db.meta(
        `SELECT ${Object.keys(columns)
          .map((name) => `${name}::VARCHAR AS ${name}`)
          .join(', ')} FROM (${select}) ORDER BY c1`,
      )
    ).map(byType)
  const expected = await rows(source)
  expect(await rows(relationOfFiles(columns, result.first?.files ?? []))).toEqual(expected)
  const kept = await rows(
    `SELECT * FROM (${relationOfFiles(bound.datasets.last?.columns ?? {}, result.last?.files ?? [])}), (SELECT NULL AS c21, NULL AS c28)`,
  )
  expect(kept).toEqual(expected.map((each) => ({ ...each, interval: null, 'list(interval)': null })))
})

/** Rows by the types' names, for a readable difference. */
function byType(found: Readonly<Record<string, string | null>>): Record<string, string | null> {
  return Object.fromEntries(Object.entries(columns).map(([name, type]) => [type, found[name] ?? null]))
}

function sqlType(type: string): string {
  return { json: 'JSON', uuid: 'UUID' }[type] ?? 'STRUCT(u UUID, j JSON)[]'
}
