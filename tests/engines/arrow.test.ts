import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as arrow from 'apache-arrow'
import pl from 'nodejs-polars'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parquetFromArrow } from '../../lib/engines/arrow.ts'
import { type DuckDB, openDuckDB } from '../../lib/engines/duckdb.ts'

const temp = mkdtempSync(join(tmpdir(), 'millrace-arrow-'))
const signal = new AbortController().signal
let db: DuckDB
let count = 0
beforeAll(async () => {
  db = await openDuckDB({ memoryBytes: 2 ** 29, threads: 1, temp: join(temp, 'db') })
})
afterAll(() => {
  db.close()
  rmSync(temp, { recursive: true, force: true })
})

/** Converts a table; gives the folder of its Parquet files. */
async function converted(table: arrow.Table, form: 'file' | 'stream' = 'stream'): Promise<string> {
  const file = join(temp, `${++count}.arrow`)
  writeFileSync(file, arrow.tableToIPC(table, form))
  const folder = join(temp, String(count))
  await parquetFromArrow(file, folder, signal)
  return folder
}

const vector = (values: readonly unknown[], type: arrow.DataType) => arrow.vectorFromArray(values as unknown[], type)
const field = (name: string, type: arrow.DataType) => new arrow.Field(name, type, true)
const noon = new Date('2001-02-03T04:05:06.789Z')

const carried: readonly (readonly [name: string, vector: arrow.Vector, type: string, values: string])[] = [
  ['Bool', vector([true, false, null], new arrow.Bool()), 'BOOLEAN', '[true, false, NULL]'],
  ['Int8', vector([-128, 127, null], new arrow.Int8()), 'TINYINT', '[-128, 127, NULL]'],
  [
    'Int64',
    vector([9223372036854775807n, -9223372036854775808n], new arrow.Int64()),
    'BIGINT',
    '[9223372036854775807, -9223372036854775808]',
  ],
  ['Uint16', vector([65535, 0], new arrow.Uint16()), 'USMALLINT', '[65535, 0]'],
  ['Uint64', vector([18446744073709551615n, 0n], new arrow.Uint64()), 'UBIGINT', '[18446744073709551615, 0]'],
  ['Float32', vector([1.5, Number.NaN, null], new arrow.Float32()), 'FLOAT', '[1.5, nan, NULL]'],
  ['Float64', vector([Number.POSITIVE_INFINITY, -0.1], new arrow.Float64()), 'DOUBLE', '[inf, -0.1]'],
  ['Utf8', vector(['é😀', '', null], new arrow.Utf8()), 'VARCHAR', "[é😀, '', NULL]"],
  ['LargeUtf8', vector(['é😀', null], new arrow.LargeUtf8()), 'VARCHAR', '[é😀, NULL]'],
  ['Binary', vector([Uint8Array.of(0, 255), null], new arrow.Binary()), 'BLOB', '[\\x00\\xFF, NULL]'],
  ['Date32', vector([new Date('2001-02-03'), new Date('1969-12-31')], new arrow.DateDay()), 'DATE', '[2001-02-03, 1969-12-31]'],
  ['Date64', vector([noon], new arrow.DateMillisecond()), 'TIMESTAMP', "['2001-02-03 04:05:06.789']"],
  ['Timestamp s', vector([new Date('2001-02-03T04:05:06Z')], new arrow.TimestampSecond()), 'TIMESTAMP', "['2001-02-03 04:05:06']"],
  ['Timestamp us', vector([noon, null], new arrow.TimestampMicrosecond()), 'TIMESTAMP', "['2001-02-03 04:05:06.789', NULL]"],
  [
    'Timestamp zoned',
    vector([noon], new arrow.TimestampMicrosecond('America/New_York')),
    'TIMESTAMP WITH TIME ZONE',
    "['2001-02-03 04:05:06.789+00']",
  ],
  ['Time us', vector([3661000001n, null], new arrow.TimeMicrosecond()), 'TIME', "['01:01:01.000001', NULL]"],
  ['Dictionary', vector(['a', 'b', 'a', null], new arrow.Dictionary(new arrow.Utf8(), new arrow.Int8())), 'VARCHAR', '[a, b, a, NULL]'],
  ['List', vector([[1, 2], [], null, [null]], new arrow.List(field('item', new arrow.Int32()))), 'INTEGER[]', '[[1, 2], [], NULL, [NULL]]'],
  ['FixedSizeList', vector([[1, 2], null], new arrow.FixedSizeList(2, field('item', new arrow.Int32()))), 'INTEGER[]', '[[1, 2], NULL]'],
  [
    'Struct',
    vector([{ a: 1, b: 'x' }, null, { a: null, b: null }], new arrow.Struct([field('a', new arrow.Int32()), field('b', new arrow.Utf8())])),
    'STRUCT(a INTEGER, b VARCHAR)',
    "[{'a': 1, 'b': x}, NULL, {'a': NULL, 'b': NULL}]",
  ],
  [
    'Decimal128',
    arrow.makeVector(
      arrow.makeData({
        type: new arrow.Decimal(2, 20, 128),
        length: 2,
        nullCount: 0,
        data: Uint32Array.of(12345, 0, 0, 0, 0xffffcfc7, 0xffffffff, 0xffffffff, 0xffffffff),
      }),
    ),
    'DECIMAL(20,2)',
    '[123.45, -123.45]',
  ],
]

describe('parquetFromArrow', () => {
  it.each(carried)('carries %s as it is', async (_, column, type, values) => {
    const folder = await converted(new arrow.Table({ x: column }))
    expect(await db.describe(`FROM '${folder}/*.parquet'`)).toEqual([{ name: 'x', type }])
    expect(await db.meta(`SELECT list(x)::VARCHAR AS x FROM '${folder}/*.parquet'`)).toEqual([{ x: values }])
  })

  it.each([
    ['Float16', vector([1.5], new arrow.Float16())],
    ['FixedSizeBinary[2]', vector([Uint8Array.of(1, 2)], new arrow.FixedSizeBinary(2))],
    ['Duration<MILLISECOND>', vector([5n], new arrow.DurationMillisecond())],
    ['Time64<NANOSECOND>', vector([1n], new arrow.TimeNanosecond())],
  ])('refuses %s, wherever it stands', async (type, column) => {
    const message = `has column "x" of the Arrow type ${type}, which is not carried without loss`
    await expect(converted(new arrow.Table({ x: column }))).rejects.toThrow(message)
  })

  it('takes the file form, tables without rows, and many batches in their order', async () => {
    const empty = await converted(new arrow.Table({ x: vector([], new arrow.Int32()) }), 'file')
    expect(await db.meta(`SELECT count(*) AS n FROM '${empty}/*.parquet'`)).toEqual([{ n: '0' }])
    const batch = (from: number) =>
      new arrow.Table({
        x: arrow.vectorFromArray(
          Array.from({ length: 100_000 }, (_, i) => from + i),
          new arrow.Int32(),
        ),
      })
    const many = await converted(batch(0).concat(batch(100_000), batch(200_000), batch(300_000)), 'file')
    expect(readdirSync(many).sort()).toEqual(['000001.parquet', '000002.parquet'])
    const inOrder = `SELECT count(*) FILTER (x = rn - 1) AS n FROM (SELECT x, row_number() OVER () AS rn FROM '${many}/*.parquet')`
    expect(await db.meta(inOrder)).toEqual([{ n: '400000' }])
  })

  it('stops when its signal aborts', async () => {
    const file = join(temp, 'aborted.arrow')
    writeFileSync(file, arrow.tableToIPC(new arrow.Table({ x: vector([1], new arrow.Int32()) }), 'stream'))
    const reason = new Error('stop')
    await expect(parquetFromArrow(file, join(temp, 'aborted'), AbortSignal.abort(reason))).rejects.toBe(reason)
  })
})

describe('openDuckDB', () => {
  it('reads the footer that a Parquet file has now, not the one that it had', async () => {
    const file = join(temp, 'again.parquet')
    const types = [pl.UInt8, pl.UInt16, pl.UInt32]
    const seen: unknown[] = []
    for (const type of types) {
      pl.DataFrame({ x: pl.Series('x', [200, 0], type) }).writeParquet(file)
      seen.push((await db.meta(`SELECT typeof(any_value(x)) AS type FROM '${file}'`))[0]?.type)
    }
    expect(seen).toEqual(['UTINYINT', 'USMALLINT', 'UINTEGER'])
  })
})
