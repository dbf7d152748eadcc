import { gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { ndjson } from '../../lib/export/contract/export.ts'
import { tableContract } from '../../lib/export/contract/table-contract.ts'
import { everyColumn, everySelect } from './every-type.ts'
import { namesDataset } from './kit.ts'
import { idName } from './names.ts'
import { deliverDataset, deliverSelect } from './table-kit.ts'

const table = tableContract({ columns: everyColumn, orderBy: ['id'] })

test('ndjson carries every type, NULLs, and the order, and keeps all digits', async () => {
  const { bytes, faults } = await deliverSelect(everyColumn, everySelect, ndjson('e.ndjson', { contract: table, bigNumbers: 'number' }))
  expect(faults).toEqual([])
  const [first = '', second = '', third = '', ...rest] = bytes.toString().split('\n')
  expect(rest).toEqual([''])
  expect(second).toBe(`{"id":2,${Array.from({ length: 20 }, (_, i) => `"c${i}":null`).join(',')}}`)
  expect(third).toBe(first.replace('"id":1', '"id":3'))
  expect(first.slice(1, -1).split(/,(?="c\d+":)/)).toEqual([
    '"id":1',
    '"c0":true',
    '"c1":-128',
    '"c2":9007199254740993',
    '"c3":18446744073709551615',
    '"c4":0.1',
    '"c5":0.1',
    '"c6":-99.90',
    '"c7":1234567890123456789012345678.0123456789',
    '"c8":"=1+1 <&> \\"é\\" 😀 \\t\\nx  "',
    '"c9":"aa0062"',
    '"c10":"2018-02-04"',
    '"c11":"05:06:07.123456"',
    '"c12":"2018-02-04T05:06:07.123456"',
    '"c13":"2018-02-04T05:06:07.123456Z"',
    '"c14":"1 year 2 months 3 days 04:05:06.000007"',
    '"c15":"5bdeafb0-31a6-4c5c-bd6e-2f4bc6c1ad02"',
    '"c16":{"a": [1.10, null]}',
    '"c17":[1,null,9007199254740993]',
    '"c18":[0.001,null]',
    '"c19":{"a":"2018-02-04","b c":{"d":null,"e":"x"}}',
  ])
})

test('ndjson writes big numbers as texts where the export says so, and times in its zone', async () => {
  const columns = { id: 'int64', n: 'decimal(16,1)', small: 'decimal(15,1)', at: 'timestamptz', l: 'list(uint64)' } as const
  const contract = tableContract({ columns, orderBy: ['id'] })
  const target = ndjson('x.ndjson', { contract, bigNumbers: 'text', zone: 'Europe/Warsaw' })
  const { bytes } = await deliverSelect(columns, "SELECT 1 AS id, 1.5 AS n, 2.5 AS small, '2018-07-04 05:06:07+00' AS at, [3] AS l", target)
  expect(bytes.toString()).toBe('{"id":"1","n":"1.5","small":2.5,"at":"2018-07-04T07:06:07+02:00","l":["3"]}\n')
})

test('ndjson keeps each row on a line, whatever its texts, names and JSON hold', async () => {
  const columns = { id: 'int32', 'a "b"\n': 'text', j: 'json' } as const
  const target = ndjson('x.ndjson', { contract: tableContract({ columns, orderBy: ['id'] }) })
  const select = `SELECT 1 AS id, chr(10) || chr(13) || chr(0) || chr(8232) || '\\' AS "a ""b""\n", '{"a":\r\n "x\\ny"}' AS j`
  const { bytes, faults } = await deliverSelect(columns, select, target)
  expect(faults).toEqual([])
  expect(bytes.toString()).toBe('{"id":1,"a \\"b\\"\\n":"\\n\\r\\u0000\u2028\\\\","j":{"a":   "x\\ny"}}\n')
})

test('ndjson cuts rows into files, each compressed, and always in the same places', async () => {
  const contract = tableContract({ columns: idName, orderBy: ['id'] })
  const target = ndjson('names', { contract, bigNumbers: 'number', split: { rows: 60_000 }, compression: 'gzip' })
  const first = await deliverDataset(await namesDataset(100_000), target, 1)
  expect(first.faults).toEqual([])
  expect(first.files.map((file) => file.replace(/[0-9a-f]{12}-(\d{4})-[0-9a-f]{8}/, 'k-$1-s'))).toEqual([
    'names/k-0001-s.ndjson.gz',
    'names/k-0002-s.ndjson.gz',
  ])
  expect(gunzipSync(first.bytes).toString().split('\n')).toHaveLength(60_001)
  const second = await deliverSelect(idName, "SELECT range AS id, 'name ' || range AS name FROM range(100000)", target, 2)
  expect(second.bytes.equals(first.bytes)).toBe(true)
})

test('ndjson of a dataset without rows is an empty file', async () => {
  const { bytes, faults, files } = await deliverSelect(
    everyColumn,
    `SELECT * FROM (${everySelect}) WHERE false`,
    ndjson('e.jsonl', { contract: table, bigNumbers: 'text' }),
  )
  expect([bytes.length, faults, files.length]).toEqual([0, [], 1])
})

test.each([
  ['float64', "'nan'::DOUBLE", 'is NaN or infinite, which JSON has not,'],
  ['struct(a list(float32))', "{'a': [1, 'inf'::FLOAT]}", 'is NaN or infinite, which JSON has not,'],
  ['date', "'infinity'::DATE", 'is infinite, or not in the years 1 to 9999 of ISO 8601,'],
  ['timestamptz', "'10000-01-01 00:00:00+00'::TIMESTAMPTZ", 'is infinite, or not in the years 1 to 9999 of ISO 8601,'],
  ['json', `'{"NaN": NaN}'`, 'holds NaN or Infinity, which DuckDB takes for JSON and other readers do not,'],
] as const)('ndjson refuses %s %s by row and column', async (type, sql, what) => {
  const columns = { id: 'int32', x: type } as const
  const target = ndjson('x.ndjson', { contract: tableContract({ columns, orderBy: ['id'] }) })
  const failed = deliverSelect(columns, `SELECT 7 AS id, ${sql} AS x UNION ALL SELECT 8, NULL`, target)
  await expect(failed).rejects.toMatchObject({ name: 'CheckError', message: `"x" ${what} in 1 of 2 rows, first in id=7` })
})

test.each(['gzip', 'zstd'] as const)('ndjson of many compressed parts is read back as a whole: %s', async (compression) => {
  const columns = { id: 'int32', t: 'text' } as const
  const target = ndjson('x.ndjson', { contract: tableContract({ columns, orderBy: ['id'] }), compression })
  const { faults, files } = await deliverSelect(
    columns,
    'SELECT range AS id, repeat(md5(range::VARCHAR), 3) AS t FROM range(90000)',
    target,
  )
  expect(faults).toEqual([])
  expect(files).toHaveLength(1)
})
