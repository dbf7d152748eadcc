import fc from 'fast-check'
import { expect, test } from 'vitest'
import { duckdbTypeFromText, parseType } from '../../lib/engines/types.ts'
import { type CsvSums, csvReader } from '../../lib/formats/csv-sums.ts'
import { csvValue } from '../../lib/formats/csv-values.ts'
import type { ReadColumn, ReadDialect } from '../../lib/formats/read-dialect.ts'
import { connectToTestEngine } from '../kit/engine.ts'

const column = (kind: ReadColumn['kind'], scale = 0): ReadColumn => ({ name: 'v', kind, scale, quoted: false })

const dialectOf = (changes: Partial<ReadDialect> = {}): ReadDialect => ({
  delimiter: ',',
  quote: '"',
  escape: '"',
  null: '',
  header: undefined,
  lineEnd: '\n',
  booleans: ['true', 'false'],
  decimalPoint: '.',
  columns: [column('whole'), column('text')],
  keys: [0],
  ...changes,
})

function sumsOf(text: string, dialect: ReadDialect, ...cuts: readonly number[]): CsvSums {
  const bytes = Buffer.from(text)
  const reader = csvReader(dialect)
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
  for (const [i, to] of places.entries()) reader.add(bytes.subarray(places[i - 1] ?? 0, to))
  return reader.end()
}

interface Values {
  readonly type: string
  readonly kind: ReadColumn['kind']
  readonly scale?: number
  readonly zone?: string
  readonly values: readonly string[]
}

const INSTANTS = [
  ...[
    '1970-01-01 00:00:00+00',
    '2013-11-03 05:30:00+00',
    '2018-02-04 05:06:07.123456+00',
    '1850-06-01 01:02:03.4+00',
    '2016-02-29 12:00:00+00',
  ],
  ...['infinity', '-infinity', '0044-03-15 (BC) 01:02:03+00', '12345-06-07 08:09:10+00', '290000-01-01 00:00:00.123456+00'],
]

/** As SQL, among them those that are written in a form of their own. */
const VALUES: readonly Values[] = [
  { type: 'boolean', kind: 'boolean', values: ['true', 'false'] },
  {
    ...{ type: 'int64', kind: 'whole' },
    values: ['0', '7', '-1', '10', '99999999', '-123456789', '999999999999999999', '-9223372036854775808', '9223372036854775807'],
  },
  { type: 'uint64', kind: 'whole', values: ['0', '1000000000000000000', '9223372036854775808', '18446744073709551615'] },
  {
    ...{ type: 'decimal(18,2)', kind: 'decimal', scale: 2 },
    values: ['0.00', '0.05', '-0.05', '12.30', '-99999.99', '123456.78', '1234567.89', '9999999999999999.99'],
  },
  { type: 'decimal(18,18)', kind: 'decimal', scale: 18, values: ['0.5', '-0.000000000000000001'] },
  { type: 'decimal(4,4)', kind: 'decimal', scale: 4, values: ['0.5', '-0.0001', '0'] },
  { type: 'decimal(18,0)', kind: 'decimal', values: ['0', '-5', '123456789012345678'] },
  {
    ...{ type: 'date', kind: 'date' },
    values: [
      ...['1970-01-01', '1969-12-31', '0001-01-01', '9999-12-31', '2000-02-29', '1900-02-28', '1900-03-01', '2024-12-31'],
      ...['infinity', '-infinity', '0044-03-15 (BC)', '0001-12-31 (BC)', '12345-06-07', '5877641-06-24 (BC)'],
    ],
  },
  {
    ...{ type: 'timestamp', kind: 'timestamp' },
    values: [
      ...['1970-01-01 00:00:00', '1969-12-31 23:59:59.999999', '0001-01-01 00:00:00', '9999-12-31 23:59:59', '2018-02-04 05:06:07.5'],
      ...[
        '2018-02-04 05:06:07.12',
        '2016-02-29 12:00:00.000001',
        'infinity',
        '-infinity',
        '0044-03-15 (BC) 01:02:03',
        '12345-06-07 08:09:10',
      ],
    ],
  },
  ...['UTC', 'America/New_York', 'Asia/Kathmandu', 'Africa/Monrovia'].map(
    (zone): Values => ({ type: 'timestamptz', kind: 'timestamptz', zone, values: INSTANTS }),
  ),
  {
    ...{ type: 'text', kind: 'text' },
    values: ['', 'a', '1234567', '12345678', '123456789', '123456789012', '1234567890123', 'ünï☃ 👋', 'x'.repeat(100)],
  },
]

test.each(VALUES)(
  'csvReader has for $type in $zone the hash that DuckDB has of the value',
  async ({ type, kind, scale = 0, zone = 'UTC', values }) => {
    const db = await connectToTestEngine({ zone })
    try {
      const formats = { dateFormat: undefined, timestampFormat: undefined, zone, booleans: ['true', 'false'], decimalPoint: '.' } as const
      const text = csvValue('v', parseType(type), formats)
      const compared = kind === 'decimal' ? `CAST(v AS DECIMAL(18,${scale}))` : 'v'
      for (const value of values) {
        const [row] = await db.meta(
          `SELECT CAST(${text} AS VARCHAR) AS text, hash(${compared}) AS hash FROM (SELECT CAST('${value}' AS ${duckdbTypeFromText(type)}) AS v)`,
        )
        const read = sumsOf(`"${row?.text}"\n`, dialectOf({ columns: [column(kind, scale)] }))
        expect([row?.text, read.columns[0]?.hash]).toEqual([row?.text, BigInt(row?.hash ?? 0)])
      }
    } finally {
      db.close()
    }
  },
)

test('csvReader adds up what DuckDB adds up: values, rows, and their order', async () => {
  const db = await connectToTestEngine()
  try {
    const rows =
      "SELECT i, CASE WHEN i % 7 = 0 THEN NULL WHEN i % 5 = 0 THEN '' ELSE repeat('x', (i % 40)::INT) || i END AS t FROM range(5000) AS r(i)"
    const mod = (sum: string) => `(sum(${sum}) % 18446744073709551616)::VARCHAR`
    const [wanted] = await db.meta(
      `SELECT ${mod('hash(i)')} AS i, ${mod('hash(t)')} AS t, ${mod('hash(hash(i, t))')} AS content, ${mod('hash(hash(i, t, n))')} AS "order",
        count(*) - count(t) AS nulls, count(*) FILTER (WHERE t = '') AS empty,
        string_agg(i || ',' || CASE WHEN t IS NULL THEN '' ELSE '"' || t || '"' END || chr(10), '' ORDER BY i) AS text
       FROM (SELECT *, row_number() OVER () AS n FROM (${rows}))`,
    )
    const read = sumsOf(wanted?.text ?? '', dialectOf({ keys: [0, 1] }), 1, 2, 3, 100, 3000)
    expect(read).toEqual({
      rows: 5000,
      content: BigInt(wanted?.content ?? 0),
      order: BigInt(wanted?.order ?? 0),
      columns: [
        { nulls: 0, empty: 0, hash: BigInt(wanted?.i ?? 0) },
        { nulls: Number(wanted?.nulls), empty: Number(wanted?.empty), hash: BigInt(wanted?.t ?? 0) },
      ],
    })
  } finally {
    db.close()
  }
})

test('csvReader reads the same however the bytes come, and a file in parts as the parts after each other', () => {
  const texts = fc.array(fc.tuple(fc.integer(), fc.option(fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r', '\\', 'ü', '=') }))))
  fc.assert(
    fc.property(texts, fc.array(fc.nat(), { maxLength: 6 }), fc.constantFrom('"', '\\'), (rows, cuts, escaper) => {
      const dialect = dialectOf({ escape: escaper, lineEnd: '\r\n' })
      const inQuotes = (text: string) => `"${text.replaceAll(escaper === '"' ? '"' : /["\\]/g, (char) => `${escaper}${char}`)}"`
      const records = rows.map(([id, text]) => `${id},${text === null ? '' : inQuotes(text)}\r\n`)
      const whole = sumsOf(records.join(''), dialect)
      expect(sumsOf(records.join(''), dialect, ...cuts)).toEqual(whole)
      expect(whole.rows).toBe(rows.length)
      expect(whole.columns[1]?.nulls).toBe(rows.filter(([, text]) => text === null).length)
      const half = Math.floor(rows.length / 2)
      const [first, second] = [csvReader(dialect), csvReader(dialect, half)]
      first.add(Buffer.from(records.slice(0, half).join('')))
      second.add(Buffer.from(records.slice(half).join('')))
      expect(BigInt.asUintN(64, first.end().order + second.end().order)).toBe(whole.order)
    }),
    { numRuns: 100 },
  )
})

test('csvReader reads the same where bytes fill its buffer to the last, within a row that has escapes', () => {
  const dialect = dialectOf({ columns: [column('whole'), column('text'), column('date')] })
  const row = (i: number) => `${i + 100_000},"v, ""${i + 100_000}""",2024-01-0${1 + (i % 9)}\n`
  const text = Array.from({ length: 30_000 }, (_, i) => row(i)).join('')
  const inSmallChunks = Array.from({ length: 40 }, (_, i) => i * 25_000)
  const sums = sumsOf(text, dialect, ...inSmallChunks)
  expect(sums.rows).toBe(30_000)
  // In one chunk the buffer ends at another place of a row each time.
  for (let cut = 0; cut < row(0).length; cut++) expect(sumsOf(text, dialect, cut)).toEqual(sums)
})

test('csvReader holds a record that is longer than its buffer', () => {
  const long = 'quote " and more '.repeat(100_000)
  const text = `1,"${long.replaceAll('"', '""')}"\n2,b\n`
  expect(sumsOf(text, dialectOf(), 10, 400_000, 900_000)).toEqual(sumsOf(text, dialectOf()))
  expect(sumsOf(text, dialectOf()).rows).toBe(2)
})

const typed = (kind: ReadColumn['kind'], scale = 0, changes: Partial<ReadDialect> = {}) =>
  dialectOf({ columns: [column(kind, scale)], ...changes })

test.each<[string, string, ReadDialect, RegExp]>([
  ['a quote in an unquoted value', '1,a"b\n', dialectOf(), /in row 1 a field does not end before "\\"b/],
  ['text behind a closing quote', '1,"a"b\n', dialectOf(), /in row 1 a field does not end before "b/],
  ['another line end', '1,a\r\n', dialectOf(), /a field does not end before "\\r\\n"/],
  ['a bare line feed', '1,a\n2,b\r\n', dialectOf({ lineEnd: '\r\n' }), /in row 1 a field does not end before "\\n2,b/],
  ['a field too many', '1,a\n2,b,c\n', dialectOf(), /in row 2 there are more than 2 fields, before "c/],
  ['a field too few', '1,a\n2\n', dialectOf(), /in row 2 there are 1 fields, not 2/],
  ['an end within a record', '1,a\n2,"b\n', dialectOf(), /ends within row 2/],
  ['no last line end', '1,a\n2,b', dialectOf(), /ends within row 2/],
  ['no header', '', dialectOf({ header: ['a', 'b'] }), /ends within the header/],
  ['another name', 'a,c\n1,x\n', dialectOf({ header: ['a', 'b'] }), /the name is not "b", but one of "a,c\\n"/],
  [
    'a value without the quotes of its column',
    '1\n',
    typed('whole', 0, { columns: [{ ...column('whole'), quoted: true }] }),
    /a value has no quotes/,
  ],
  ['no number', '1\nx2\n', typed('whole'), /in row 2 "x2" is no whole/],
  ['zeros before a number', '007\n', typed('whole'), /"007" is no whole/],
  ['a number without digits', '-\n', typed('whole'), /"-" is no whole/],
  ['too large a number', '99999999999999999999999\n', typed('whole'), /is no whole/],
  ['another decimal point', '"1,50"\n', typed('decimal', 2), /"1,50" is no decimal/],
  ['a decimal place too few', '1.5\n', typed('decimal', 2), /"1.5" is no decimal/],
  ['a decimal place too many', '1.500\n', typed('decimal', 2), /"1.500" is no decimal/],
  ['a date of another form', '04.02.2018\n', typed('date'), /"04.02.2018" is no date/],
  ['no such day', '2018-02-30\n', typed('date'), /"2018-02-30" is no date/],
  ['the 29th of February of another year', '2018-02-29\n', typed('date'), /"2018-02-29" is no date/],
  ['a timestamp without T', '2018-02-04 05:06:07x\n', typed('timestamp'), /is no timestamp/],
  ['an hour too many', '2018-02-04T24:06:07\n', typed('timestamp'), /is no timestamp/],
  ['an instant without a zone', '2018-02-04T05:06:07\n', typed('timestamptz'), /is no timestamptz/],
  ['another word for true', 'yes\n', typed('boolean'), /"yes" is no boolean/],
])('csvReader refuses %s', (_, text, dialect, message) => {
  expect(() => sumsOf(text, dialect)).toThrow(message)
})
