import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { columnTypeFromPostgres, noteOf, postgresType } from '../../../lib/connectors/postgres/postgres-types.ts'
import { CheckError, ConfigError } from '../../../lib/core/errors.ts'
import { type ColumnType, duckdbTypeFromText, parseType, type ScalarName, typeText } from '../../../lib/engines/types.ts'
import { testContext } from '../../kit/context.ts'
import { type TestPostgres, testPostgres } from '../../kit/postgres.ts'
import { failure, ROADS, replace, warehouseOn } from './warehouse-kit.ts'

const scalar: fc.Arbitrary<ColumnType> = fc
  .constantFrom<ScalarName>(
    ...([
      'boolean',
      'int8',
      'int16',
      'int32',
      'int64',
      'uint8',
      'uint16',
      'uint32',
      'uint64',
      'float32',
      'float64',
      'text',
      'bytes',
    ] as const),
    ...(['date', 'time', 'timestamp', 'timestamptz', 'interval', 'uuid', 'json'] as const),
  )
  .map((name) => ({ name }))
const decimal: fc.Arbitrary<ColumnType> = fc
  .tuple(fc.integer({ min: 1, max: 38 }), fc.nat(38))
  .map(([precision, scale]) => ({ name: 'decimal', precision, scale: Math.min(precision, scale) }))
const { type } = fc.letrec<{ type: ColumnType }>((tie) => ({
  type: fc.oneof(
    { maxDepth: 3 },
    scalar,
    decimal,
    tie('type').map((of) => ({ name: 'list' as const, of })),
    fc
      .array(fc.record({ name: fc.string({ minLength: 1, maxLength: 5 }).filter((name) => !name.includes('\0')), type: tie('type') }), {
        minLength: 1,
        maxLength: 2,
      })
      .map((fields) => ({ name: 'struct' as const, fields })),
  ),
}))

test('columnTypeFromPostgres gives back every type from what postgresType and noteOf wrote', () => {
  fc.assert(
    fc.property(type, (each) => {
      expect(columnTypeFromPostgres(postgresType(each), noteOf(each) ?? null)).toBe(typeText(each))
    }),
  )
})

test('columnTypeFromPostgres goes by the type alone where the comment is somebody else’s, or says another type than is there', () => {
  expect(columnTypeFromPostgres('smallint', 'age in years')).toBe('int16')
  expect(columnTypeFromPostgres('smallint', 'age in years; millrace type: uint8')).toBe('uint8')
  expect(columnTypeFromPostgres('bigint', 'millrace type: uint8')).toBe('int64')
  expect(columnTypeFromPostgres('smallint', 'millrace type: nonsense')).toBe('int16')
  expect(columnTypeFromPostgres('character varying(10)', null)).toBe('character varying(10)')
  expect(columnTypeFromPostgres('numeric', null)).toBe('numeric')
  expect(columnTypeFromPostgres('numeric(50,2)', null)).toBe('numeric(50,2)')
})

/** DuckDB's value → the server's own text of it. */
const VALUES: Readonly<Record<string, readonly (readonly [duckdb: string, postgres: string | null])[]>> = {
  boolean: [
    ['true', 't'],
    ['false', 'f'],
    ['NULL', null],
  ],
  int8: [
    ['-128', '-128'],
    ['127', '127'],
  ],
  int16: [
    ['-32768', '-32768'],
    ['32767', '32767'],
  ],
  int32: [
    ['-2147483648', '-2147483648'],
    ['2147483647', '2147483647'],
  ],
  int64: [
    ['-9223372036854775808', '-9223372036854775808'],
    ['9007199254740993', '9007199254740993'],
  ],
  uint8: [
    ['0', '0'],
    ['255', '255'],
  ],
  uint16: [['65535', '65535']],
  uint32: [['4294967295', '4294967295']],
  uint64: [
    ['18446744073709551615', '18446744073709551615'],
    ['0', '0'],
  ],
  float32: [
    ['0.1', '0.1'],
    ["'inf'", 'Infinity'],
    ["'nan'", 'NaN'],
    ['3.4028235e38', '3.4028235e+38'],
    ['1.4e-45', '1e-45'],
  ],
  float64: [
    ['0.1', '0.1'],
    ["'-inf'", '-Infinity'],
    ["'nan'", 'NaN'],
    ["'-0.0'", '-0'],
    ["'5e-324'", '5e-324'],
    ["'1.7976931348623157e308'", '1.7976931348623157e+308'],
  ],
  'decimal(9,2)': [
    ['0.10', '0.10'],
    ['-9999999.99', '-9999999.99'],
    ['NULL', null],
  ],
  'decimal(38,0)': [["'99999999999999999999999999999999999999'", '99999999999999999999999999999999999999']],
  'decimal(38,38)': [["'-0.00000000000000000000000000000000000001'", '-0.00000000000000000000000000000000000001']],
  text: [
    ["''", ''],
    ['NULL', null],
    ["'\\N'", '\\N'],
    ["'\\.'", '\\.'],
    ["'a' || chr(10) || '\\.' || chr(10) || 'b'", 'a\n\\.\nb'],
    ["'\"q\", ,''' || chr(13) || chr(10) || chr(9) || chr(1)", '"q", ,\'\r\n\t\u0001'],
    ["'漢字 🦆'", '漢字 🦆'],
    ["'NULL'", 'NULL'],
  ],
  bytes: [
    ["''::BLOB", '\\x'],
    ["'\\x00\\xFF\\x5C'::BLOB", '\\x00ff5c'],
    ['NULL', null],
  ],
  date: [
    ["'infinity'", 'infinity'],
    ["'-infinity'", '-infinity'],
    ["'0001-01-01'", '0001-01-01'],
    ["'0044-03-15 (BC)'", '0044-03-15 BC'],
    ["'4714-11-24 (BC)'", '4714-11-24 BC'],
    ["'5874897-12-31'", '5874897-12-31'],
  ],
  time: [
    ["'00:00:00'", '00:00:00'],
    ["'23:59:59.999999'", '23:59:59.999999'],
    ["'24:00:00'", '24:00:00'],
  ],
  timestamp: [
    ["'infinity'", 'infinity'],
    ["'-infinity'", '-infinity'],
    ["'4714-11-24 (BC) 00:00:00'", '4714-11-24 00:00:00 BC'],
    ["'2013-11-03 01:00:00.000001'", '2013-11-03 01:00:00.000001'],
    ["'0044-03-15 (BC) 01:02:03'", '0044-03-15 01:02:03 BC'],
    ["'294246-12-31 23:59:59.999999'", '294246-12-31 23:59:59.999999'],
  ],
  timestamptz: [
    ["'2013-11-03 01:00:00-04'", '2013-11-03 05:00:00+00'],
    ["'-infinity'", '-infinity'],
    ["'infinity'", 'infinity'],
    ["'0044-03-15 (BC) 01:02:03+00'", '0044-03-15 01:02:03+00 BC'],
    ["make_timestamptz(epoch_us(TIMESTAMP '294246-12-31 23:59:59.999999'))", '294246-12-31 23:59:59.999999+00'],
  ],
  interval: [
    ["'1 month 2 days 3.000004 seconds'", '1 mon 2 days 00:00:03.000004'],
    ["'-1 month 3 days'", '-1 mons +3 days'],
    ["'-3.5 seconds'", '-00:00:03.5'],
    ["'14 months -1 hour'", '1 year 2 mons -01:00:00'],
    ["'1 day -00:00:01'", '1 day -00:00:01'],
  ],
  uuid: [["'f81d4fae-7dec-11d0-a765-00a0c91e6bf6'", 'f81d4fae-7dec-11d0-a765-00a0c91e6bf6']],
  json: [
    [`'{"b": 1.0,  "a":null, "b": 2}'`, '{"b": 1.0,  "a":null, "b": 2}'],
    ["'null'", 'null'],
    ['NULL', null],
    [`'"\\u0000"'`, '"\\u0000"'],
  ],
  'list(int32)': [
    ['[1, NULL]', '{1,NULL}'],
    ['[]', '{}'],
    ['NULL', null],
  ],
  'list(uint8)': [['[255]', '{255}']],
  'list(uint64)': [['[18446744073709551615]', '{18446744073709551615}']],
  'list(float64)': [["['nan', 'inf', '0.1']", '{NaN,Infinity,0.1}']],
  'list(decimal(9,2))': [['[1.50, NULL]', '{1.50,NULL}']],
  'list(text)': [
    [`['a"\\,{}', NULL, '', 'NULL', ' x ']`, '{"a\\"\\\\,{}",NULL,"","NULL"," x "}'],
    ['[]', '{}'],
  ],
  'list(bytes)': [["['\\x00\\xFF'::BLOB, NULL]", '{"\\\\x00ff",NULL}']],
  'list(date)': [["['infinity', '0044-03-15 (BC)']", '{infinity,"0044-03-15 BC"}']],
  'list(time)': [["['01:02:03']", '{01:02:03}']],
  'list(timestamp)': [["['2013-11-03 01:00:00', '-infinity', NULL]", '{"2013-11-03 01:00:00",-infinity,NULL}']],
  'list(timestamptz)': [
    ["['2013-11-03 01:00:00-04', 'infinity', NULL]", '{"2013-11-03 05:00:00+00",infinity,NULL}'],
    ["[make_timestamptz(epoch_us(TIMESTAMP '290000-01-01 00:00:00'))]", '{"290000-01-01 00:00:00+00"}'],
  ],
  'list(interval)': [["['1 month', NULL]", '{"1 mon",NULL}']],
  'list(boolean)': [['[true, NULL]', '{t,NULL}']],
  'list(uuid)': [["['f81d4fae-7dec-11d0-a765-00a0c91e6bf6']", '{f81d4fae-7dec-11d0-a765-00a0c91e6bf6}']],
  'list(list(int32))': [['[[1], [2, NULL], NULL]', '[[1],[2,null],null]']],
  'list(json)': [[`['{"a": 1}', NULL]`, '[{"a":1},null]']],
  'struct(a decimal(38,4), "b c" text)': [
    ["{'a': 1234567890123456789012345678901234.5678, 'b c': 'x'}", '{"a":1234567890123456789012345678901234.5678,"b c":"x"}'],
  ],
}

for (const version of [18, 15] as const)
  describe(`PostgreSQL ${version}`, () => {
    let server: TestPostgres
    beforeAll(async () => {
      server = await testPostgres({ version })
    })
    afterAll(() => server.stop())

    for (const [road, extensions] of ROADS) {
      test(`load keeps every value of every type ${road}`, async () => {
        const { load, rows, warehouse, database } = await warehouseOn(server, {}, extensions)
        const entries = Object.entries(VALUES)
        const columns = Object.fromEntries(entries.map(([each], i) => [`c${i}`, each]))
        const most = Math.max(...entries.map(([, values]) => values.length))
        const select = (of: typeof entries, row: number) =>
          `SELECT ${of.map(([each, values]) => `CAST(${values[row]?.[0] ?? 'NULL'} AS ${duckdbTypeFromText(each)}) AS c${Object.keys(VALUES).indexOf(each)}`).join(', ')}`
        const all = Array.from({ length: most }, (_, row) => `${select(entries, row)}, ${row} AS n`).join(' UNION ALL ')
        await load('every', replace, all, { columns: { ...columns, n: 'int32' } })
        expect(await warehouse.describe('every', testContext())).toEqual({ ...columns, n: 'int32' })
        const there = await server.query(database, "SET TimeZone = 'UTC'; SELECT * FROM every ORDER BY n")
        for (const [i, [each, values]] of entries.entries())
          expect(
            there.map((row) => row[i]),
            each,
          ).toEqual(Array.from({ length: most }, (_, row) => values[row]?.[1] ?? null))
        // A list of texts takes its whole table to CSV: without them it is binary.
        const plain = entries.filter(([each]) => !/^list\((text|decimal|uint64)/.test(each))
        const some = Array.from({ length: most }, (_, row) => `${select(plain, row)}, ${row} AS n`).join(' UNION ALL ')
        const plainColumns = Object.fromEntries(Object.entries(columns).filter(([, each]) => plain.some(([name]) => name === each)))
        await load('plain', replace, some, { columns: { ...plainColumns, n: 'int32' } })
        const names = Object.keys(plainColumns).map((name) => `${name}::text`)
        expect(await rows(`SELECT ${names.join(', ')} FROM plain ORDER BY n`)).toEqual(
          await rows(`SELECT ${names.join(', ')} FROM every ORDER BY n`),
        )
      })

      test(`load refuses what PostgreSQL cannot hold, naming table, column and value, and leaves nothing ${road}`, async () => {
        const { load, rows, tokens } = await warehouseOn(server, {}, extensions)
        const cases: readonly (readonly [type: string, value: string, shown: string, said: RegExp])[] = [
          ['text', "'a' || chr(0) || 'b'", 'a\u0000b', /PostgreSQL has no NUL in a text$/],
          ['date', "'5881580-07-10'", '5881580-07-10', /out of range/],
          ['timestamp', "'290309-12-22 (BC) 00:00:00'", '290309-12-22', /out of range/],
          ['date', "'5877642-06-25 (BC)'", '5877642-06-25', /out of range/],
          ['timestamp', "'4714-11-23 (BC) 23:59:59.999999'", '4714-11-23', /out of range/],
          ['timestamptz', "'290309-12-22 (BC) 00:00:00+00'", '290309-12-22', /out of range/],
          ['list(timestamp)', "['2000-01-01', '290309-12-22 (BC) 00:00:00']", '290309-12-22', /out of range/],
          ['list(date)', "['2000-01-01', '5881580-07-10']", '5881580-07-10', /out of range/],
          ['struct(a float64)', "{'a': 'nan'}", 'NaN', /invalid input syntax for type json \(22P02\)$/],
        ]
        for (const [each, value, shown, said] of cases) {
          const select = `SELECT range AS id, CASE range WHEN 2 THEN CAST(${value} AS ${duckdbTypeFromText(each)}) END AS "odd one" FROM range(4)`
          const error = await failure(load('refused', replace, select, { columns: { id: 'int64', 'odd one': each } }), CheckError)
          expect(error.message).toMatch(said)
          expect(error.message).toContain('"refused" cannot take ')
          expect(error.place).toMatchObject({ table: 'refused', dataset: 'numbers', column: 'odd one' })
          expect(error.place.value?.toLowerCase()).toContain(shown.toLowerCase())
          expect(await rows("SELECT relname FROM pg_class WHERE relname = 'refused'")).toEqual([])
          expect(await tokens()).toEqual([])
        }
      })

      test(`load refuses a character that the encoding of the database has not, naming column and value ${road}`, async () => {
        const database = `latin_${randomUUID().slice(0, 8)}`
        await server.query('postgres', `CREATE DATABASE ${database} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0`)
        const { load, rows } = await warehouseOn(server, { database }, extensions)
        await load('words', replace, "SELECT 1 AS id, 'é' AS value")
        for (const [columns, select] of [
          [{ id: 'int64', value: 'text' }, "SELECT 2 AS id, 'a日b' AS value"],
          [{ id: 'int64', value: 'list(text)' }, "SELECT 2 AS id, ['a', 'a日b'] AS value"],
        ] as const) {
          const error = await failure(load('others', replace, select, { columns }), CheckError)
          expect(error.message).toMatch(/in column "value": the database's encoding, LATIN1, has no "日"$/)
          expect(error.place).toMatchObject({ table: 'others', column: 'value' })
        }
        expect(await rows("SELECT encode(convert_to(value, 'UTF8'), 'hex') FROM words")).toEqual(['c3a9'])
      })
    }

    test('load refuses every changed type, saying both', async () => {
      const { load } = await warehouseOn(server)
      const types = Object.keys(VALUES)
      const columnsOf = (shift: number) => Object.fromEntries(types.map((_, i) => [`c${i}`, types[(i + shift) % types.length] ?? '']))
      const nulls = `SELECT ${types.map((_, i) => `NULL AS c${i}`).join(', ')}`
      await load('all', replace, nulls, { columns: columnsOf(0) })
      await load('all', replace, nulls, { columns: columnsOf(0) })
      for (const shift of [1, 7]) {
        const error = await failure(load('all', replace, nulls, { columns: columnsOf(shift) }), ConfigError)
        for (const [i, each] of types.entries())
          expect(error.message).toContain(
            `column "c${i}" is ${typeText(parseType(each))} there and ${columnsOf(shift)[`c${i}`]} in the dataset`,
          )
      }
    })
  })
