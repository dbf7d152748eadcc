import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { quoteLiteral } from '../../lib/core/quote.ts'
import { type DuckDB, openDuckDB } from '../../lib/engines/duckdb.ts'
import { duckdbType, parseType } from '../../lib/engines/types.ts'
import { storedType, storedValue, strictCast, tried } from '../../lib/formats/strict.ts'

let db: DuckDB
beforeAll(async () => {
  db = await openDuckDB({ memoryBytes: 2 ** 29, threads: 1, temp: `/tmp/millrace-strict-${process.pid}` })
})
afterAll(() => db.close())

/** Each value of type `from`, given as text, as type `to`: DuckDB's text, or 'refused'. */
async function casts(values: readonly string[], from: string, to: string, zone?: string): Promise<(string | null)[]> {
  const rows = values.map((value, i) => `(${i}, ${quoteLiteral(value)})`).join(', ')
  const strict = strictCast('v', parseType(from), parseType(to), zone)
  const source = `SELECT i, CAST(t AS ${duckdbType(parseType(from))}) AS v FROM (VALUES ${rows}) AS x(i, t)`
  const out = await db.meta(`SELECT ${tried(strict)}::VARCHAR AS value FROM (${source}) ORDER BY i`)
  return out.map(({ value }) => value ?? 'refused')
}

/** [from, to, accepted text → result, refused texts] */
const tables: readonly (readonly [from: string, to: string, accepted: Readonly<Record<string, string>>, refused: readonly string[]])[] = [
  [
    'text',
    'int32',
    {
      '5': '5',
      '-5': '-5',
      '+5': '5',
      '007': '7',
      ' 12 ': '12',
      '1.0': '1',
      '12.': '12',
      '1e3': '1000',
      '2147483647': '2147483647',
      '-2147483648': '-2147483648',
    },
    ['1.5', '.5', '1.0000000000000000000001', '1e-3', '1.5e3', '2147483648', 'abc', '', '0x1F', 'NaN', 'inf', '1,5', '1 2'],
  ],
  [
    'text',
    'int64',
    { '9223372036854775807': '9223372036854775807', '-9223372036854775808': '-9223372036854775808' },
    ['9223372036854775808', '9223372036854775806.5'],
  ],
  ['text', 'uint64', { '18446744073709551615': '18446744073709551615', '0': '0' }, ['-1', '18446744073709551616']],
  ['text', 'int8', { '-128': '-128', '127': '127' }, ['128', '1.5']],
  [
    'text',
    'decimal(5,2)',
    {
      '1.23': '1.23',
      '1.2': '1.20',
      '1': '1.00',
      '-1.230': '-1.23',
      '.5': '0.50',
      '1e2': '100.00',
      '5e-1': '0.50',
      '123e-2': '1.23',
      '999.99': '999.99',
    },
    ['1.239', '1.2300000000000000000001', '1e-3', '1.239e0', '1000', '999.999', 'abc', '', '123e-3', '0.005'],
  ],
  ['text', 'decimal(3,0)', { '5': '5', '5.0': '5' }, ['5.5', '0.4', '1000']],
  ['text', 'decimal(38,10)', { '1234567890123456789012345678.0123456789': '1234567890123456789012345678.0123456789' }, ['0.01234567891']],
  ['text', 'float64', { '1.5': '1.5', '1e308': '1e+308', inf: 'inf', '-Infinity': '-inf', NaN: 'nan' }, ['1e999', '-1e999', 'abc', '']],
  ['text', 'float32', { '1.5': '1.5', nan: 'nan', inf: 'inf' }, ['1e39', 'x']],
  ['text', 'boolean', { true: 'true', FALSE: 'false', '1': 'true', '0': 'false', t: 'true' }, ['2', 'maybe', '', ' true']],
  [
    'text',
    'date',
    {
      '2001-02-03': '2001-02-03',
      '2001-2-3': '2001-02-03',
      '2001/02/03': '2001-02-03',
      '2001-02-03T00:00:00Z': '2001-02-03',
      infinity: 'infinity',
    },
    ['2001-02-30', '2001-02-03 10:00', '2001-02-03abc', '20010203', 'x', '2001-02-03 00:00:00.5'],
  ],
  [
    'text',
    'time',
    { '10:00:00': '10:00:00', '1:2:3': '01:02:03', '10:00': '10:00:00', '10:00:00.123456': '10:00:00.123456' },
    ['25:00:00', '10:00:00.1234567', '10:00:00+02', '2001-01-01 10:00:00'],
  ],
  [
    'text',
    'timestamp',
    {
      '2001-02-03 04:05:06': '2001-02-03 04:05:06',
      '2001-02-03T04:05:06': '2001-02-03 04:05:06',
      '2001-02-03 04:05': '2001-02-03 04:05:00',
      '2001/02/03 04:05': '2001-02-03 04:05:00',
      '2001-02-03': '2001-02-03 00:00:00',
      '2001-02-03 04:05:06.123456': '2001-02-03 04:05:06.123456',
      '2001-02-03 04:05:06.1000000': '2001-02-03 04:05:06.1',
      infinity: 'infinity',
    },
    [
      '2001-02-03 04:05:06Z',
      '2001-02-03 04:05:6Z',
      '2001-02-03 04:05-02',
      '2001-02-03 04:05:06+02',
      '2001-02-03 04:05:06 UTC',
      '2001-02-03 04:05:06.1234567',
      '2001-02-30 00:00:00',
      'x',
    ],
  ],
  [
    'text',
    'timestamptz',
    {
      '2001-02-03T04:05:06Z': '2001-02-03 04:05:06+00',
      '2001-02-03 04:05:06+02': '2001-02-03 02:05:06+00',
      '2001-02-03T04:05:06.789-05:30': '2001-02-03 09:35:06.789+00',
      '2001-02-03 04:05:06': '2001-02-03 04:05:06+00',
      '2001-02-03 04:05:06 Europe/Paris': '2001-02-03 03:05:06+00',
      '0044-03-15 (BC) 12:00:00+00': '0044-03-15 (BC) 12:00:00+00',
    },
    ['2001-02-03T04:05:06.1234567Z', 'x', '2001-02-30T00:00:00Z', ''],
  ],
  ['text', 'uuid', { 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11': 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11' }, ['a0eebc99', 'x']],
  ['text', 'json', { '{"a":1}': '{"a":1}', '1.10': '1.10' }, ['{a:1}', '', '{']],
  ['text', 'list(int8)', { '[1,2]': '[1, 2]', '["1",null]': '[1, NULL]' }, ['[1.5]', '[300]', '{']],
  ['text', 'struct(a int8)', { '{"a":1}': "{'a': 1}" }, ['{"a":1.5}']],
  ['json', 'text', { '"x"': 'x', '1.5': '1.5', '{"a":1}': '{"a":1}' }, []],
  ['float64', 'int32', { '1': '1', '-0': '0' }, ['1.5', '2147483648', 'nan', 'inf']],
  ['float64', 'int64', { '9007199254740991': '9007199254740991' }, ['9007199254740992', '1e18', '0.5']],
  ['float64', 'float32', { '0.5': '0.5', nan: 'nan', inf: 'inf' }, ['0.1', '1e300']],
  ['float64', 'decimal(5,2)', { '1.23': '1.23' }, ['1.239', '1000']],
  ['decimal(9,4)', 'decimal(5,2)', { '1.2300': '1.23' }, ['1.2301', '1000']],
  ['decimal(9,4)', 'int32', { '5.0000': '5' }, ['5.5']],
  ['int64', 'int8', { '127': '127' }, ['128']],
  ['int64', 'float64', { '9007199254740992': '9007199254740992.0' }, ['9007199254740993']],
  ['int64', 'text', { '5': '5' }, []],
  ['timestamp', 'date', { '2001-02-03 00:00:00': '2001-02-03' }, ['2001-02-03 00:00:01']],
  ['bytes', 'text', { abc: 'abc' }, ['\\xFF']],
]

describe('strictCast', () => {
  it.each(tables)('from %s to %s gives what is exact and refuses the rest', async (from, to, accepted, refused) => {
    expect(Object.fromEntries((await casts(Object.keys(accepted), from, to)).map((value, i) => [Object.keys(accepted)[i], value]))).toEqual(
      accepted,
    )
    if (refused.length > 0)
      expect(Object.fromEntries((await casts(refused, from, to)).map((value, i) => [refused[i], value]))).toEqual(
        Object.fromEntries(refused.map((value) => [value, 'refused'])),
      )
  })

  it('takes naive times in the zone that is given', async () => {
    const texts = ['2001-07-03 04:05:06', '2001-07-03T04:05:06Z', '2001/01/01 00:47']
    expect(await casts(texts, 'text', 'timestamptz', 'America/New_York')).toEqual([
      '2001-07-03 08:05:06+00',
      '2001-07-03 04:05:06+00',
      '2001-01-01 05:47:00+00',
    ])
    expect(await casts(['2001-07-03 04:05:06'], 'timestamp', 'timestamptz', 'America/New_York')).toEqual(['2001-07-03 08:05:06+00'])
  })

  it('keeps NULL at each level', async () => {
    const strict = strictCast('v', parseType('struct(a list(text))'), parseType('struct(a list(int8))'))
    const rows = await db.meta(`SELECT (${strict})::VARCHAR AS value FROM (VALUES (NULL), ({'a': NULL}), ({'a': [NULL, '1']})) AS x(v)`)
    expect(rows.map(({ value }) => value)).toEqual([null, "{'a': NULL}", "{'a': [NULL, 1]}"])
  })

  it('names the fields of a struct that lacks one', () => {
    expect(() => strictCast('v', parseType('struct(a text, "b c" text)'), parseType('struct(d text)'))).toThrow(
      'the source has no field "d"; it has "a", "b c"',
    )
  })

  it('never changes a number: any digits, any scale', async () => {
    const text = fc
      .tuple(fc.constantFrom('', '-', '+'), fc.stringMatching(/^\d{1,20}$/), fc.option(fc.stringMatching(/^\d{1,22}$/)))
      .map(([sign, whole, fraction]) => `${sign}${whole}${fraction === null ? '' : `.${fraction}`}`)
    const exact = (value: string) => {
      const [, sign, whole = '', fraction = ''] = /^([+-]?)(\d+)(?:\.(\d*))?$/.exec(value) ?? []
      const digits = BigInt(`${whole}${fraction.padEnd(24, '0')}`)
      return sign === '-' ? -digits : digits
    }
    await fc.assert(
      fc.asyncProperty(
        fc.array(text, { minLength: 1, maxLength: 20 }),
        fc.constantFrom('int8', 'int64', 'uint64', 'decimal(5,2)', 'decimal(18,9)', 'decimal(38,20)'),
        async (values, type) => {
          const results = await casts(values, 'text', type)
          const bounds: Readonly<Record<string, [bigint, bigint]>> = {
            int8: [-128n, 127n],
            int64: [-(2n ** 63n), 2n ** 63n - 1n],
            uint64: [0n, 2n ** 64n - 1n],
          }
          const [precision = 0, scale = 0] = /decimal\((\d+),(\d+)\)/.exec(type)?.slice(1).map(Number) ?? []
          for (const [i, result] of results.entries()) {
            const value = exact(values[i] ?? '')
            const unit = 10n ** BigInt(24 - scale)
            const [least, most] = bounds[type] ?? [-(10n ** BigInt(precision)) + 1n, 10n ** BigInt(precision) - 1n]
            const fits = value % unit === 0n && value / unit >= least && value / unit <= most
            if (fits) expect([values[i], type, exact(result ?? '')]).toEqual([values[i], type, value])
            else expect([values[i], type, result]).toEqual([values[i], type, 'refused'])
          }
        },
      ),
      { numRuns: 60 },
    )
  })
})

describe('storedType', () => {
  it('says how each declared type lies in Parquet', () => {
    const lies = Object.fromEntries(
      ['uuid', 'json', 'interval', 'int64', 'decimal(9,2)', 'timestamptz', 'list(struct(a uuid, b interval))'].map((type) => [
        type,
        storedType(parseType(type)),
      ]),
    )
    expect(lies).toEqual({
      uuid: 'VARCHAR',
      json: 'VARCHAR',
      interval: 'VARCHAR',
      int64: 'BIGINT',
      'decimal(9,2)': 'DECIMAL(9,2)',
      timestamptz: 'TIMESTAMP WITH TIME ZONE',
      'list(struct(a uuid, b interval))': 'STRUCT("a" VARCHAR, "b" VARCHAR)[]',
    })
  })

  it('loses nothing: every stored value casts back to the same', async () => {
    const values = ["INTERVAL '-1 month 2 days 1.000001 seconds'", "UUID 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", `'{"a":1.10}'::JSON`]
    for (const [i, type] of ['interval', 'uuid', 'json'].entries()) {
      const stored = storedValue('v', parseType(type))
      const [row] = await db.meta(
        `SELECT typeof(${stored}) AS type, CAST(${stored} AS ${duckdbType(parseType(type))}) = v AS same FROM (SELECT ${values[i]} AS v)`,
      )
      expect(row).toEqual({ type: 'VARCHAR', same: 'true' })
    }
  })
})
