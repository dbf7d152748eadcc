import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import type { Columns } from '../../lib/core/dataset.ts'
import type { ContractOptions } from '../../lib/export/contract/contract.ts'
import { deliver } from '../../lib/export/deliver.ts'
import { temporaryFolder, testContext } from '../kit/context.ts'
import { datasetOf } from '../kit/dataset.ts'
import { exportOf, freshStore, readBytes, requestOf } from './kit.ts'

/** The delivered bytes of a SELECT, as stored. */
async function bytesOf<R extends Columns>(
  columns: R,
  select: string,
  options: Partial<ContractOptions<R>> = {},
  threads = 2,
): Promise<Buffer> {
  const dataset = await datasetOf(temporaryFolder(), 'd', columns, select)
  const first = Object.keys(columns)[0] as `${keyof R & string}`
  const store = freshStore()
  const target = exportOf('d.csv', { columns, orderBy: [first], ...options })
  const ctx = testContext()
  const { files } = await deliver(requestOf(dataset, { export: target, partition: undefined }), store, {
    ...ctx,
    limits: { ...ctx.limits, threads },
  })
  return readBytes(store, files[0] ?? '')
}

const csvOf = async <R extends Columns>(...given: Parameters<typeof bytesOf<R>>) => (await bytesOf<R>(...given)).toString()

describe('deliver writes', () => {
  const cases: readonly [
    zone: string,
    values: readonly [type: string, sql: string, text: string, round?: number][],
    formats?: Partial<ContractOptions<Columns>>,
  ][] = [
    [
      'UTC',
      [
        ['boolean', 'true', 'true'],
        ['int64', '9007199254740993', '9007199254740993'],
        ['uint64', '18446744073709551615', '18446744073709551615'],
        ['decimal(38,10)', '1.1', '1.1000000000'],
        ['float64', '0.1', '0.1'],
        ['float64', '1e22', '1e+22'],
        ['float64', "'nan'", 'NaN'],
        ['float64', "'inf'", 'Infinity'],
        ['float64', "'-inf'", '-Infinity'],
        ['float32', '0.1', '0.1'],
        ['float64', '2.345', '2.35', 2],
        ['float64', '2.5', '3', 0],
        ['float64', '-2.5', '-3', 0],
        ['float64', '7', '7.000', 3],
        ['float64', '-1e-17', '0.00', 2],
        ['float64', "'nan'", 'NaN', 2],
        ['float32', '0.1', '0.10', 2],
        ['date', "'2018-02-04'", '2018-02-04'],
        ['date', "'infinity'", 'infinity'],
        ['time', "'05:06:07.120'", '05:06:07.12'],
        ['timestamp', "'2018-02-04 05:06:07.123456'", '2018-02-04T05:06:07.123456'],
        ['timestamp', "'2018-02-04 05:06:07'", '2018-02-04T05:06:07'],
        ['timestamp', "'-infinity'", '-infinity'],
        ['timestamp', "'0044-03-15 (BC) 01:02:03'", '0044-03-15 (BC) 01:02:03'],
        ['timestamptz', "'2018-02-04 05:06:07+00'", '2018-02-04T05:06:07Z'],
        ['timestamptz', "'infinity'", 'infinity'],
        ['interval', "'1 year 2 months 3 days 04:05:06.7'", '1 year 2 months 3 days 04:05:06.7'],
        ['uuid', "'5BDEAFB0-31A6-4C5C-BD6E-2F4BC6C1AD02'", '5bdeafb0-31a6-4c5c-bd6e-2f4bc6c1ad02'],
        ['json', `'{"a": 1.10}'`, '"{""a"": 1.10}"'],
        ['bytes', "'\\xAA\\x00b'", 'aa0062'],
        ['list(int64)', '[1, NULL, 9007199254740993]', '"[1,null,9007199254740993]"'],
        ['list(text)', `['a', '"', NULL, '']`, '"[""a"",""\\"""",null,""""]"'],
        ['list(text)', '[]', '[]'],
        ['list(float64)', "['0.1', 'nan', '-inf']", '"[0.1,""NaN"",""-Infinity""]"'],
        ['list(float32)', '[0.1]', '[0.1]'],
        ['list(list(decimal(38,10)))', '[[12345678901234567890.1234567890], NULL]', '"[[12345678901234567890.1234567890],null]"'],
        [
          'struct(a timestamp, "b c" struct(d uuid, e boolean))',
          "{'a': '2018-02-04 05:06:07', 'b c': {'d': NULL, 'e': true}}",
          '"{""a"":""2018-02-04T05:06:07"",""b c"":{""d"":null,""e"":true}}"',
        ],
        ['struct(a int8)', "{'a': NULL}", '"{""a"":null}"'],
        ['list(json)', `['{"a": 12345678901234567890.10}']`, '"[{""a"": 12345678901234567890.10}]"'],
        ['list(bytes)', "['\\xAA']", '"[""aa""]"'],
      ],
    ],
    [
      'Europe/Berlin',
      [
        ['timestamptz', "'2018-07-04 05:06:07.5+00'", '2018-07-04T07:06:07.5+02:00'],
        // Local mean time +00:53:28, which DuckDB writes as +00:53.
        ['timestamptz', "'1890-01-01 00:00:00+00'", '1890-01-01T00:00:00Z'],
        ['timestamptz', "'0044-03-15 (BC) 01:02:03+00'", '0044-03-15 (BC) 01:02:03+00'],
        ['list(timestamptz)', "['2018-07-04 05:06:07+00']", '"[""2018-07-04T07:06:07+02:00""]"'],
      ],
    ],
    ['Asia/Kathmandu', [['timestamptz', "'2018-02-04 05:06:07+00'", '2018-02-04T10:51:07+05:45']]],
    [
      'America/New_York',
      [
        ['timestamptz', "'2013-11-03 05:30:00+00'", '2013-11-03T01:30:00-04:00'],
        ['timestamptz', "'2013-11-03 06:30:00+00'", '2013-11-03T01:30:00-05:00'],
      ],
    ],
    [
      'Europe/Berlin',
      [
        ['date', "'2018-02-04'", '04.02.18'],
        ['timestamp', "'2018-02-04 05:06:07'", '04/02/2018 05h06'],
        ['timestamptz', "'2018-02-04 23:06:07+00'", '05/02/2018 00h06'],
      ],
      { dateFormat: '%d.%m.%y', timestampFormat: '%d/%m/%Y %Hh%M' },
    ],
  ]
  test.each(cases)('each type as its text, zone %s', async (zone, values, formats = {}) => {
    const named = values.map(([type, sql, text, round], i) => ({ name: `v${i}`, type, sql, text, round }))
    const columns = { n: 'int8', ...Object.fromEntries(named.map(({ name, type }) => [name, type])) }
    const round = Object.fromEntries(named.flatMap(({ name, round }) => (round === undefined ? [] : [[name, round] as const])))
    const select = (n: number, value: (sql: string) => string) =>
      `SELECT ${[`${n} AS n`, ...named.map(({ name, sql }) => `${value(sql)} AS ${name}`)].join(', ')}`
    const written = await csvOf<Columns>(columns, `${select(1, (sql) => sql)} UNION ALL BY NAME ${select(2, () => 'NULL')}`, {
      header: false,
      zone,
      round,
      ...formats,
    })
    expect(written.split('\n')).toEqual([['1', ...named.map(({ text }) => text)].join(','), `2${','.repeat(named.length)}`, ''])
  })

  test('NULL and the empty text apart, and quotes a value that is the null text', async () => {
    const columns = { n: 'int8', v: 'text' } as const
    const rows = "SELECT * FROM (VALUES (1, NULL), (2, ''), (3, 'NA'), (4, '1')) AS t(n, v)"
    expect(await csvOf(columns, rows)).toBe('n,v\n1,\n2,""\n3,NA\n4,1\n')
    expect(await csvOf(columns, rows, { null: 'NA' })).toBe('n,v\n1,NA\n2,\n3,"NA"\n4,1\n')
    expect(await csvOf(columns, rows, { null: '1' })).toBe('n,v\n"1",1\n2,\n3,NA\n4,"1"\n')
  })

  test('a contract of one column without blank lines where it names a null text', async () => {
    const rows = "SELECT * FROM (VALUES (NULL), (''), ('b')) AS t(v)"
    expect(await csvOf({ v: 'text' }, rows, { null: 'NA' })).toBe('"v"\n""\n"b"\nNA\n')
  })

  test('quotes, delimiters, line ends and a leading # inside values, for every line end and delimiter', async () => {
    const columns = { n: 'int8', v: 'text', w: 'text' } as const
    const rows = "SELECT 1 AS n, 'a' || chr(10) || 'b' || chr(13) || chr(10) || 'c' AS v, 'say \"x\"; it''s, #1' AS w"
    expect(await csvOf(columns, rows)).toBe('n,v,w\n1,"a\nb\r\nc","say ""x""; it\'s, #1"\n')
    expect(await csvOf(columns, rows, { lineEnd: '\r\n', delimiter: ';', quote: "'" })).toBe(
      "n;v;w\r\n1;'a\nb\r\nc';'say \"x\"; it''s, #1'\r\n",
    )
    expect(await csvOf(columns, rows, { delimiter: '\t', header: false })).toBe('1\t"a\nb\r\nc"\t"say ""x""; it\'s, #1"\n')
  })

  test('a NUL and a text of 1 MB as they are', async () => {
    const bytes = await csvOf({ n: 'int8', v: 'text', w: 'text' }, "SELECT 1 AS n, 'a' || chr(0) || 'b' AS v, repeat('ü', 500000) AS w")
    expect(bytes).toBe(`n,v,w\n1,a\0b,${'ü'.repeat(500_000)}\n`)
  })

  test('columns of the contract alone, in its order', async () => {
    const dataset = await datasetOf(temporaryFolder(), 'd', { a: 'int8', b: 'text', c: 'int8' }, "SELECT 1 AS a, 'x' AS b, 2 AS c")
    const store = freshStore()
    const target = exportOf('d.csv', { columns: { c: 'int8', a: 'int8' }, orderBy: ['a'] })
    const { files } = await deliver(requestOf(dataset, { export: target, partition: undefined }), store, testContext())
    expect((await readBytes(store, files[0] ?? '')).toString()).toBe('c,a\n2,1\n')
  })

  test('rows in the order of values, not of their text: descending where it says so, NULLs last', async () => {
    const columns = { a: 'int32', b: 'float64' } as const
    const rows =
      "SELECT * FROM (VALUES (10, 1.5), (9, 1.5), (NULL, 1.5), (9, -3), (9, NULL), (9, '-inf'::DOUBLE), (9, 'nan'), (NULL, NULL)) AS t(a, b)"
    expect(await csvOf(columns, rows, { orderBy: ['-a', 'b'], header: false })).toBe(
      '10,1.5\n9,-Infinity\n9,-3.0\n9,1.5\n9,NaN\n9,\n,1.5\n,\n',
    )
  })
})

describe('deliver writes the same bytes', () => {
  const columns = { id: 'int64', v: 'float64', t: 'text', at: 'timestamptz' } as const
  const select = (order: string) =>
    `SELECT range AS id, range / 7 AS v, 'text ' || (range % 1000) AS t, to_timestamp(range) AS at FROM range(300000) ORDER BY ${order}`

  test('whatever the order of rows and the number of threads', async () => {
    const one = await bytesOf(columns, select('hash(range)'), {}, 1)
    const two = await bytesOf(columns, select('range DESC'), {}, 2)
    // In order already: not sorted again.
    const three = await bytesOf(columns, select('range'), {}, 2)
    expect(one.equals(two)).toBe(true)
    expect(one.equals(three)).toBe(true)
    expect(one.subarray(0, 60).toString()).toMatch(/^id,v,t,at\n0,0\.0,text 0,1970-01-01T00:00:00Z\n1,/)
  })

  test('gzipped, and any gunzip gives the plain ones', async () => {
    const plain = await bytesOf(columns, select('hash(range)'))
    const one = await bytesOf(columns, select('hash(range)'), { compression: 'gzip' }, 1)
    const two = await bytesOf(columns, select('range DESC'), { compression: 'gzip' }, 2)
    expect(plain.length).toBeGreaterThan(3 * 4 * 1024 * 1024)
    expect(one.equals(two)).toBe(true)
    expect(gunzipSync(one).equals(plain)).toBe(true)
  })
})

describe('a dialect', () => {
  const rows = `SELECT 1 AS id, true AS flag, 2.345::DECIMAL(10,3) AS amount, 1.5::DOUBLE AS rate, 'a\\b "c"' AS name, NULL::VARCHAR AS nothing UNION ALL SELECT 2, false, -9999999.995, 'nan', '', ''`
  const columns = { id: 'int64', flag: 'boolean', amount: 'decimal(10,3)', rate: 'float64', name: 'text', nothing: 'text' } as const

  test('of a European spreadsheet', async () => {
    const options = {
      delimiter: ';',
      decimalPoint: ',',
      booleans: ['ja', 'nein'],
      round: { amount: 2 },
      lineEnd: '\r\n',
      byteOrderMark: true,
    } as const
    expect(await csvOf(columns, rows, options)).toBe(
      '\uFEFFid;flag;amount;rate;name;nothing\r\n1;ja;2,35;1,5;"a\\b ""c""";\r\n2;nein;-10000000,00;NaN;"";""\r\n',
    )
  })

  test('with everything but numbers in quotes', async () => {
    expect(await csvOf(columns, rows, { quoting: 'nonNumeric', null: 'NULL' })).toBe(
      'id,"flag",amount,rate,"name","nothing"\n1,"true",2.345,1.5,"a\\b ""c""",NULL\n2,"false",-9999999.995,NaN,"",""\n',
    )
  })

  test('with backslashes before quotes and backslashes', async () => {
    expect(await csvOf(columns, rows, { quoting: 'all', escape: '\\' })).toBe(
      '"id","flag","amount","rate","name","nothing"\n"1","true","2.345","1.5","a\\\\b \\"c\\"",\n"2","false","-9999999.995","NaN","",""\n',
    )
  })

  test('compressed by zstd in frames', async () => {
    const bytes = await bytesOf({ id: 'int64', name: 'text' }, `SELECT range AS id, 'name ' || range AS name FROM range(500000)`, {
      compression: 'zstd',
    })
    const text = zstdDecompressSync(bytes).toString()
    expect(text.length).toBeGreaterThan(8 * 2 ** 20)
    expect(text.slice(0, 28)).toBe('id,name\n0,name 0\n1,name 1\n2,')
    expect(text.split('\n')).toHaveLength(500_002)
  })
})
