import { readFileSync } from 'node:fs'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { RecordBatchStreamWriter, tableFromIPC } from 'apache-arrow'
import { describe, expect, it } from 'vitest'
import type { Columns } from '../../../lib/core/dataset.ts'
import { openDuckDB } from '../../../lib/engines/duckdb.ts'
import { testContext } from '../../kit/context.ts'
import { errorOf, folderOf, type LandOptions, landFiles, sourceOf, useReader } from './kit.ts'

const reader = useReader()
const AB: Columns = { a: 'int64', b: 'text' }
type Row = Readonly<Record<string, string | null>>
const land = async (file: string, content: string | Uint8Array, columns: Columns = AB, options: LandOptions = {}) =>
  landFiles(await folderOf({ [file]: content }), columns, reader(), options)

const utf16 = (text: string) => Buffer.from(text, 'utf16le')
const latin1 = (text: string) => Buffer.from(text, 'latin1')
/** Each text as a frame of its own, after one that is to be skipped. */
const framed = (...texts: readonly (string | Buffer)[]) =>
  Buffer.concat(texts.flatMap((text) => [Buffer.from('502a4d180400000061626364', 'hex'), zstdCompressSync(text)]))
const one: readonly Row[] = [{ a: '1', b: 'é😀' }]

const good: Readonly<Record<string, readonly [file: string, content: string | Uint8Array, rows: readonly Row[], options?: LandOptions]>> = {
  'CRLF, a line end inside quotes kept': [
    'x.csv',
    'a,b\r\n1,x\r\n2,"y\r\nz"\r\n',
    [
      { a: '1', b: 'x' },
      { a: '2', b: 'y\r\nz' },
    ],
  ],
  'CR alone': [
    'x.csv',
    'a,b\r1,x\r2,y\r',
    [
      { a: '1', b: 'x' },
      { a: '2', b: 'y' },
    ],
  ],
  'a last line without an end': ['x.csv', 'a,b\n1,é😀', one],
  'only a header': ['x.csv', 'a,b\n', []],
  'a byte-order mark': ['x.csv', '\uFEFFa,b\n1,é😀\n', one],
  'a byte-order mark before a quote': ['x.csv', '\uFEFF"a","b"\n1,é😀\n', one],
  gzip: ['x.csv.gz', gzipSync('a,b\n1,é😀\n'), one],
  'gzip of two members': [
    'x.csv.gz',
    Buffer.concat([gzipSync('a,b\n1,x\n'), gzipSync('2,y\n')]),
    [
      { a: '1', b: 'x' },
      { a: '2', b: 'y' },
    ],
  ],
  'gzip by option': ['x.csv', gzipSync('a,b\n1,é😀\n'), one, { compression: 'gzip' }],
  zstd: ['x.csv.zst', zstdCompressSync('a,b\n1,é😀\n'), one],
  'zstd of several frames, as pzstd writes it': ['x.csv.zst', framed('a,b\n', '1,é😀\n'), one],
  'zstd of several frames, without a header': ['x.csv.zst', framed('1,é😀\n'), one, { header: false }],
  'zstd of several frames, in Latin-1': [
    'x.csv.zst',
    framed(latin1('a,b\n'), latin1('1,é\n')),
    [{ a: '1', b: 'é' }],
    { encoding: 'latin-1' },
  ],
  'zstd of several frames, NDJSON with a long number': [
    'x.ndjson.zst',
    framed('{"a":1,"b":"é😀"}\n', '{"a":2,"b":12345678901234567890}\n'),
    [...one, { a: '2', b: '12345678901234567890' }],
  ],
  'UTF-16, little end first': ['x.csv', utf16('\uFEFFa,b\n1,é😀\n'), one, { encoding: 'utf-16' }],
  'UTF-16, big end first': ['x.csv', utf16('\uFEFFa,b\n1,é😀\n').swap16(), one, { encoding: 'utf-16' }],
  'UTF-16 without a mark, gzipped': ['x.csv.gz', gzipSync(utf16('a,b\n1,é😀\n')), one, { encoding: 'utf-16' }],
  'Latin-1': ['x.csv', latin1('a,b\n1,é\x80\n'), [{ a: '1', b: 'é\x80' }], { encoding: 'latin-1' }],
  'JSON in UTF-16': ['x.json', utf16('\uFEFF[{"a":1,"b":"é😀"}]'), one, { encoding: 'utf-16' }],
  'NDJSON with a mark and CRLF': ['x.ndjson', '\uFEFF{"a":1,"b":"é😀"}\r\n{"a":2}\r\n', [...one, { a: '2', b: null }]],
  'NDJSON, zstd': ['x.jsonl.zst', zstdCompressSync('{"a":1,"b":"é😀"}\n'), one],
  'an empty NDJSON file': ['x.ndjson', '', []],
  'an empty JSON array': ['x.json', ' [ ] \n', []],
  TSV: ['x.tsv', 'a\tb\n1\té😀\n', one],
  'other delimiter, quote and escape': [
    'x.csv',
    "a;b\n1;'it\\'s; x'\n",
    [{ a: '1', b: "it's; x" }],
    { delimiter: ';', quote: "'", escape: '\\' },
  ],
  'no header': [
    'x.csv',
    '1,x,more\n2,y,\n',
    [
      { a: '1', b: 'x' },
      { a: '2', b: 'y' },
    ],
    { header: false },
  ],
  'null markers: unquoted NA is NULL, quoted is text, empty is text': [
    'x.csv',
    'a,b\nNA,NA\n1,"NA"\n2,""\n3,\n',
    [
      { a: null, b: null },
      { a: '1', b: 'NA' },
      { a: '2', b: '' },
      { a: '3', b: '' },
    ],
    { nulls: ['NA'] },
  ],
  'no marker given: unquoted empty is NULL, quoted is empty': [
    'x.csv',
    'a,b\n,\n1,""\n',
    [
      { a: null, b: null },
      { a: '1', b: '' },
    ],
  ],
  'several markers': [
    'x.csv',
    'a,b\nNA,-\n1,\n',
    [
      { a: null, b: null },
      { a: '1', b: null },
    ],
    { nulls: ['NA', '-', ''] },
  ],
  'text of digits only': ['x.csv', 'a,b\n1,007\n', [{ a: '1', b: '007' }]],
}

describe('files reads', () => {
  it.each(Object.entries(good))('%s', async (_, [file, content, rows, options]) => {
    expect(await land(file, content, AB, options)).toEqual(rows)
  })

  it('a field of 1 MB', async () => {
    const text = 'é'.repeat(500_000)
    const rows = await land('x.csv', `a,b\n1,"${text}"\n2,y\n`)
    expect(rows.map((row) => row.b === text)).toEqual([true, false])
    expect((await land('x.json', JSON.stringify([{ a: 1, b: text }]))).map((row) => row.b === text)).toEqual([true])
  })

  it('columns by name: reordered, with more beside, differing between files', async () => {
    const folder = await folderOf({ '1.csv': 'z,b,a\nq,x,1\n', '2.csv': 'a,b\n2,y\n', '3.csv': 'a,b\n3,w\n' })
    expect(await landFiles(folder, AB, reader())).toEqual([
      { a: '1', b: 'x' },
      { a: '2', b: 'y' },
      { a: '3', b: 'w' },
    ])
  })

  it('formats side by side, each by its ending', async () => {
    const folder = await folderOf({ '1.csv': 'a,b\n1,x\n', '2.ndjson': '{"a":2,"b":"y"}\n', '3.json.gz': gzipSync('[{"b":"z","a":3}]') })
    expect((await landFiles(folder, AB, reader())).map(({ a, b }) => `${a}${b}`).sort()).toEqual(['1x', '2y', '3z'])
  })

  it('names that need quoting, as columns', async () => {
    const columns = { 'a b': 'int8', 'q"u"o': 'int8', select: 'int8', Ünï: 'int8', "it's": 'text' }
    const expected = [{ 'a b': '1', 'q"u"o': '2', select: '3', Ünï: '4', "it's": '5' }]
    expect(await land('x.csv', '"a b","q""u""o",select,Ünï,it\'s\n1,2,3,4,5\n', columns)).toEqual(expected)
    expect(await land('x.json', '[{"a b":1,"q\\"u\\"o":2,"select":3,"Ünï":4,"it\'s":5}]', columns)).toEqual(expected)
  })

  it('names that need quoting, as files', async () => {
    const folder = await folderOf({ 'it\'s a "file" ü [1].csv': 'a,b\n1,é😀\n' })
    expect(await landFiles(folder, AB, reader(), { paths: ['it\'s a "file" ü [1].csv'] })).toEqual(one)
  })

  it('declared types for columns that are all null, and all digits', async () => {
    const columns = { a: 'timestamptz', b: 'decimal(5,2)', c: 'text' }
    const folder = await folderOf({ 'x.csv': 'a,b,c\n,,1\n,,2\n' })
    expect(await landFiles(folder, columns, reader())).toEqual([
      { a: null, b: null, c: '1' },
      { a: null, b: null, c: '2' },
    ])
    expect(await land('x.json', '[{"a":null,"b":null,"c":1},{"c":22}]', columns)).toEqual([
      { a: null, b: null, c: '1' },
      { a: null, b: null, c: '22' },
    ])
  })

  it('NaN, infinity and the ends of int64 and uint64', async () => {
    const columns = { a: 'float64', b: 'float32', c: 'int64', d: 'uint64' }
    const csv = 'a,b,c,d\nNaN,-inf,9223372036854775807,18446744073709551615\n-Infinity,nan,-9223372036854775808,0\n'
    const expected = [
      { a: 'nan', b: '-inf', c: '9223372036854775807', d: '18446744073709551615' },
      { a: '-inf', b: 'nan', c: '-9223372036854775808', d: '0' },
    ]
    expect(await land('x.csv', csv, columns)).toEqual(expected)
    const json =
      '[{"a":"NaN","b":"-inf","c":9223372036854775807,"d":18446744073709551615},{"a":"-Infinity","b":"nan","c":-9223372036854775808,"d":0}]'
    expect(await land('x.json', json, columns)).toEqual(expected)
  })

  it('every digit of JSON numbers, as decimals and as text', async () => {
    const columns = { n: 'decimal(38,18)', t: 'text', s: 'struct(d decimal(20,18))', f: 'float64' }
    const json =
      '[{"n":12345678901234567890.123456789012345678,"t":0.1234567890123456789,"s":{"d":1.000000000000000001},"f":0.1234567890123456789},' +
      '{"n":1e-5,"t":12345678901234567890123,"s":{"d":"2.5"},"f":1}]'
    const expected = [
      {
        n: '12345678901234567890.123456789012345678',
        t: '0.1234567890123456789',
        s: "{'d': 1.000000000000000001}",
        f: '0.12345678901234568',
      },
      { n: '0.000010000000000000', t: '12345678901234567890123', s: "{'d': 2.500000000000000000}", f: '1.0' },
    ]
    expect(await land('x.json', json, columns)).toEqual(expected)
    expect(await land('x.ndjson.gz', gzipSync(json.slice(1, -1).replace('},{"n"', '}\n{"n"')), columns)).toEqual(expected)
  })

  it('nested JSON: structs, lists of structs, JSON itself, null at each level', async () => {
    const columns = { s: 'struct(i int32, l list(struct(x int8, "a b" text)))', j: 'json', l: 'list(list(decimal(4,1)))' }
    const json =
      '[{"s":{"i":1,"l":[{"x":"2","a b":"q"},null,{"x":null}]},"j":{"k":[1.5,null]},"l":[[1,"2.5"],null,[]]},{"s":null,"j":"q","l":[]},{"s":{"i":null}}]'
    expect(await land('x.json', json, columns)).toEqual([
      { s: `{'i': 1, 'l': [{'x': 2, 'a b': q}, NULL, {'x': NULL, 'a b': NULL}]}`, j: '{"k":[1.5,null]}', l: '[[1.0, 2.5], NULL, []]' },
      { s: null, j: '"q"', l: '[]' },
      { s: `{'i': NULL, 'l': NULL}`, j: null, l: null },
    ])
  })

  it('lists, structs and JSON in the cells of a CSV file', async () => {
    const columns = { l: 'list(int8)', s: 'struct(a text, b date)', j: 'json' }
    expect(await land('x.csv', 'l|s|j\n[1,2]|{"a":"x","b":"2001-02-03"}|{"k":1}\n', columns, { delimiter: '|', quote: "'" })).toEqual([
      { l: '[1, 2]', s: "{'a': x, 'b': 2001-02-03}", j: '{"k":1}' },
    ])
  })
})

describe('files reads Arrow', () => {
  const fixture = new URL('../../../fixtures/flights/bts/flights-200k.arrow', import.meta.url)
  const columns = { delay: 'int16', distance: 'int16', time: 'float32' }

  it('in the file form and in the stream form, the same 200,000 rows', async () => {
    const bytes = readFileSync(fixture)
    const stream = RecordBatchStreamWriter.writeAll(tableFromIPC(bytes)).toUint8Array(true)
    const folder = await folderOf({ 'file.arrow': bytes, 'stream.arrows': stream })
    const source = sourceOf(folder, reader())
    const sums: unknown[] = []
    for (const path of ['file.arrow', 'stream.arrows']) {
      const relation = await source.read({ dataset: 'd', request: { method: 'files', paths: [path] }, columns }, testContext())
      expect(relation.raw).toEqual(columns)
      const sql = `SELECT count(*) AS n, sum(delay) AS delay, sum(distance) AS distance, sum(time::DECIMAL(20,10)) AS time, count(delay) AS known FROM (${relation.sql})`
      sums.push((await reader().execute({ meta: { sql } })).meta[0])
      const last = `SELECT _file, _row, delay FROM (${relation.located}) WHERE _row = 200000`
      expect((await reader().execute({ meta: { sql: last } })).meta).toHaveLength(1)
      await relation.close()
    }
    const table = tableFromIPC(bytes)
    const total = (name: string) => [...(table.getChild(name) ?? [])].reduce((sum: number, value: unknown) => sum + Number(value), 0)
    expect(sums[0]).toMatchObject({ n: '200000', delay: String(total('delay')), distance: String(total('distance')) })
    expect(sums[1]).toEqual(sums[0])
  })

  it('and refuses a wider type than declared where a value does not fit', async () => {
    const folder = await folderOf({ 'x.arrow': readFileSync(fixture) })
    const error = await errorOf(landFiles(folder, { distance: 'int8' }, reader()))
    expect(error).toMatchObject({ kind: 'CheckError', dataset: 'd', column: 'distance', file: 'x.arrow', row: 1 })
  })
})

describe('files reads Parquet', () => {
  const write = async (folder: string, name: string, select: string) => {
    const db = await openDuckDB({ memoryBytes: 2 ** 28, threads: 1, temp: `${folder}/tmp` })
    try {
      await db.run(`COPY (${select}) TO '${folder}/${name}' (FORMAT parquet)`)
    } finally {
      db.close()
    }
  }

  it('whose files have other orders and other types of a column', async () => {
    const folder = await folderOf({})
    await write(folder, '1.parquet', 'SELECT 1::INTEGER AS a, 1.5::DECIMAL(9,4) AS b')
    await write(folder, '2.parquet', "SELECT 2.5::DOUBLE AS b, 9007199254740993 AS a, 'x' AS c")
    expect(await landFiles(folder, { a: 'int64', b: 'decimal(5,1)' }, reader())).toEqual([
      { a: '1', b: '1.5' },
      { a: '9007199254740993', b: '2.5' },
    ])
  })

  it('and names the file without a declared column', async () => {
    const folder = await folderOf({})
    await write(folder, '1.parquet', 'SELECT 1 AS a, 2 AS b')
    await write(folder, '2.parquet', 'SELECT 1 AS a, 2 AS c')
    expect(await errorOf(landFiles(folder, AB, reader()))).toEqual({
      kind: 'CheckError',
      message: '2.parquet has no column "b"; it has "a", "c"',
      dataset: 'd',
      file: '2.parquet',
      column: 'b',
      hint: expect.stringContaining('--discover'),
    })
  })

  it('and finds the row of a value that would be rounded', async () => {
    const folder = await folderOf({})
    await write(folder, 'x.parquet', 'SELECT CASE WHEN i = 4711 THEN 1.5 ELSE i END::DOUBLE AS a FROM range(10000) t(i)')
    expect(await errorOf(landFiles(folder, { a: 'int32' }, reader()))).toMatchObject({
      row: 4712,
      value: '1.5',
      column: 'a',
      file: 'x.parquet',
    })
  })

  it('with types that millrace has under another name', async () => {
    const folder = await folderOf({})
    await write(
      folder,
      'x.parquet',
      `SELECT 'a'::ENUM ('a', 'b') AS e, MAP {'k': 1} AS m, TIMESTAMP_NS '2001-02-03 04:05:06.789' AS ns, TIMESTAMP_S '2001-02-03 04:05:06' AS s, UUID 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11' AS u, '{"a": 1}'::JSON AS j, 'x'::BLOB AS b`,
    )
    const columns = {
      e: 'text',
      m: 'list(struct(key text, value int32))',
      ns: 'timestamp',
      s: 'timestamp',
      u: 'uuid',
      j: 'json',
      b: 'text',
    }
    const source = sourceOf(folder, reader())
    const described = await source.describe({ dataset: 'd', request: { method: 'files', paths: ['*'] } }, testContext())
    expect(described).toEqual({ ...columns, b: 'bytes' })
    expect(await landFiles(folder, columns, reader())).toEqual([
      {
        e: 'a',
        m: "[{'key': k, 'value': 1}]",
        ns: '2001-02-03 04:05:06.789',
        s: '2001-02-03 04:05:06',
        u: 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
        j: '{"a": 1}',
        b: 'x',
      },
    ])
    await write(folder, 'x.parquet', "SELECT TIMESTAMP_NS '2001-02-03 04:05:06.000000001' AS ns")
    expect(await errorOf(landFiles(folder, { ns: 'timestamp' }, reader()))).toMatchObject({ kind: 'CheckError' })
  })
})
