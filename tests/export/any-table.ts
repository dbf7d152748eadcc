import fc from 'fast-check'
import { expect } from 'vitest'
import type { Dataset } from '../../lib/core/dataset.ts'
import { quoteIdentifier, quoteList, quoteLiteral } from '../../lib/core/quote.ts'
import { openDuckDB } from '../../lib/engines/duckdb.ts'
import { relationOfFiles } from '../../lib/engines/relation.ts'
import { duckdbTypeFromText } from '../../lib/engines/types.ts'
import type { CsvDialect } from '../../lib/formats/csv-write.ts'
import { datasetOf } from '../kit/dataset.ts'

// Any table of the carried types, any dialect that CSV may be written in, and what DuckDB reads of such a file.

/** Values of each carried type as DuckDB's text, and the SQL that makes such a value from its CSV text `v` again. */
export interface Carried {
  readonly type: string
  readonly values: fc.Arbitrary<string>
  readonly back: (v: string) => string
}

export const cast = (type: string) => (v: string) => `CAST(${v} AS ${duckdbTypeFromText(type)})`
const fromJson = (type: string) => (v: string) => `CAST(CAST(${v} AS JSON) AS ${duckdbTypeFromText(type)})`
const carried = (type: string, values: fc.Arbitrary<string>, back = cast(type)): Carried => ({ type, values, back })

const integers = (bits: number, signed: boolean) =>
  fc.bigInt({ min: signed ? -(2n ** BigInt(bits - 1)) : 0n, max: 2n ** BigInt(signed ? bits - 1 : bits) - 1n }).map(String)
const decimals = (precision: number, scale: number) =>
  fc.bigInt({ min: -(10n ** BigInt(precision)) + 1n, max: 10n ** BigInt(precision) - 1n }).map((n) => {
    const digits = (n < 0n ? -n : n).toString().padStart(scale + 1, '0')
    return `${n < 0n ? '-' : ''}${digits.slice(0, digits.length - scale)}.${digits.slice(digits.length - scale)}`
  })
const floats = (single: boolean) =>
  fc.oneof(
    (single ? fc.float() : fc.double()).map(String),
    fc.constantFrom('nan', 'inf', '-inf', '-0.0', '0.1', '1e22', '5e-324').filter((v) => !(single && v === '5e-324')),
  )
const instants = fc.oneof(
  fc
    .integer({ min: -62_000_000_000, max: 250_000_000_000 })
    .chain((s) =>
      fc
        .constantFrom('', '.5', '.000001', '.123456', '.999999')
        .map((f) => `${new Date(s * 1000).toISOString().slice(s * 1000 > 253402300799999 ? 1 : 0, -5)}${f}`),
    ),
  fc.constantFrom('infinity', '-infinity', '2013-11-03T01:30:00', '0044-03-15 (BC) 01:02:03'),
)
const texts = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }).map((s) => s.replaceAll('\0', '').toWellFormed()),
  fc.constantFrom(
    '',
    ' ',
    'NULL',
    'NA',
    '\\N',
    '"',
    '""',
    "'",
    ',',
    ';',
    '\t',
    '\n',
    '\r',
    '\r\n',
    'a\r\nb',
    '#x',
    '=1+1',
    'true',
    '1',
    'nan',
    '\ufeff',
    ' lead',
    'trail ',
  ),
)

const TYPES: readonly Carried[] = [
  carried('boolean', fc.constantFrom('true', 'false')),
  ...[8, 16, 32, 64].flatMap((bits) => [carried(`int${bits}`, integers(bits, true)), carried(`uint${bits}`, integers(bits, false))]),
  carried('float32', floats(true)),
  carried('float64', floats(false)),
  carried('decimal(38,10)', decimals(38, 10)),
  carried('decimal(4,0)', fc.integer({ min: -9999, max: 9999 }).map(String)),
  carried('text', texts),
  carried(
    'bytes',
    fc.uint8Array({ maxLength: 8 }).map((b) => [...b].map((n) => `\\x${n.toString(16).padStart(2, '0').toUpperCase()}`).join('')),
    (v) => `unhex(${v})`,
  ),
  carried(
    'date',
    fc.oneof(
      fc.date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true }).map((d) => d.toISOString().slice(0, 10)),
      fc.constantFrom('infinity', '-infinity', '0044-03-15 (BC)'),
    ),
  ),
  carried(
    'time',
    fc.integer({ min: 0, max: 86_399_999 }).map((ms) => new Date(ms).toISOString().slice(11, -1)),
  ),
  carried('timestamp', instants),
  carried(
    'timestamptz',
    instants.map((v) => (v.includes('inf') ? v : `${v}+00`)),
  ),
  carried(
    'interval',
    fc
      .tuple(fc.integer({ min: -99, max: 99 }), fc.integer({ min: -99, max: 99 }), fc.integer({ min: -(10 ** 9), max: 10 ** 9 }))
      .map(([m, d, us]) => `${m} months ${d} days ${us} microseconds`),
  ),
  carried('uuid', fc.uuid()),
  carried('json', fc.json({ maxDepth: 2 })),
  carried(
    'list(int64)',
    fc.array(fc.option(integers(64, true)), { maxLength: 4 }).map((l) => `[${l.map((v) => v ?? 'NULL').join(', ')}]`),
    fromJson('list(int64)'),
  ),
  carried(
    'list(float64)',
    fc.array(floats(false), { maxLength: 3 }).map((l) => `[${l.join(', ')}]`),
    fromJson('list(float64)'),
  ),
  carried(
    'struct(a decimal(18,6), "b ""c" timestamp)',
    fc
      .tuple(
        decimals(15, 6),
        instants.filter((v) => !v.includes(' ')),
      )
      .map(([a, b]) => `{'a': ${a}, 'b "c': ${b}}`),
    fromJson('struct(a decimal(18,6), "b ""c" timestamp)'),
  ),
]

const names = fc
  .uniqueArray(
    fc.oneof(
      fc.string({ minLength: 1, maxLength: 6 }),
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 4 }),
      fc.constantFrom('select', 'a b', 'a"b', "a'b", 'ünï☃', 'x,y', 'l\nf', '-x', '1a'),
    ),
    {
      minLength: 5,
      maxLength: 5,
      selector: (name) => name.normalize('NFC').toLowerCase(),
      comparator: (a, b) => a.toLowerCase() === b.toLowerCase() || a.toUpperCase() === b.toUpperCase(),
    },
  )
  .map((all) => all.map((name) => name.replaceAll('\0', '0').toWellFormed()))
  .filter(
    (all) =>
      new Set(all.map((name) => name.toLowerCase())).size === 5 && !all.some((name) => name.toLowerCase() === 'id' || /^\d+$/.test(name)),
  )

export const dialects = fc
  .record({
    delimiter: fc.constantFrom(',', ';', '\t', '|', ' ', ':', '\x01'),
    quote: fc.constantFrom('"', "'", '`'),
    null: fc.constantFrom('', 'NULL', 'NA', '\\N', '0', 'true', 'NaN', 'n/a'),
    header: fc.boolean(),
    lineEnd: fc.constantFrom('\n' as const, '\r\n' as const),
    compression: fc.constantFrom('none' as const, 'gzip' as const, 'zstd' as const),
    encoding: fc.constantFrom('utf-8' as const, 'utf-16le' as const, 'latin-1' as const),
    byteOrderMark: fc.boolean(),
    quoting: fc.constantFrom('minimal' as const, 'nonNumeric' as const, 'all' as const),
    zone: fc.constantFrom('UTC', 'America/New_York', 'Asia/Kathmandu'),
    backslash: fc.boolean(),
    booleans: fc.constantFrom(['true', 'false'] as const, ['1', '0'] as const, ['ja', 'nein'] as const),
    decimalPoint: fc.constantFrom('.' as const, ',' as const),
    dateFormat: fc.constantFrom(undefined, '%d.%m.%Y', '%Y%m%d'),
    timestampFormat: fc.constantFrom(undefined, '%Y-%m-%dT%H:%M:%S.%f', '%d/%m/%Y %H:%M:%S,%f'),
    formulas: fc.constantFrom('raw' as const, 'escape' as const, 'reject' as const),
  })
  // An escape of its own is written inside quotes only, and stands in the null text of no contract.
  .map(({ backslash, ...dialect }) => {
    const own = backslash && dialect.quoting !== 'minimal' && !dialect.null.includes('\\')
    const latin = dialect.encoding === 'latin-1'
    return {
      ...{ ...dialect, escape: own ? '\\' : dialect.quote, byteOrderMark: dialect.byteOrderMark && !latin },
      // A clock's time that is written without its offset is one instant in UTC alone.
      ...(dialect.timestampFormat !== undefined && { zone: 'UTC' }),
      ...(latin && { unfit: 'fail' as const }),
    }
  })
export type AnyDialect = typeof dialects extends fc.Arbitrary<infer T> ? T : never

export const tables = fc
  .record({ names, types: fc.array(fc.constantFrom(...TYPES), { minLength: 4, maxLength: 4 }) })
  .chain(({ names: [, ...rest], types }) =>
    fc.record({
      columns: fc.constant(types.map((type, i) => ({ name: rest[i] ?? '', ...type }))),
      rows: fc.array(fc.tuple(...types.map((type) => fc.option(type.values, { freq: 4 }))), { maxLength: 8 }),
    }),
  )

export type Table = typeof tables extends fc.Arbitrary<infer T> ? T : never

/** Values and names that the dialect can hold: its encoding has every character, its formats every day. Formulas are looked for where a column's text is the test's own. */
export function fitting({ columns, rows }: Table, dialect: AnyDialect): Table & { readonly dialect: AnyDialect } {
  const latin = (text: string) => (dialect.encoding === 'latin-1' ? text.replaceAll(/[^\0-\u00ff]/gu, '?') : text)
  const names = columns.map(({ name }, i) => (latin(name) === name ? name : `name ${i}`))
  const held = (value: string | null, type = ''): string | null => {
    if (value === null) return null
    const outside = /inf|BC|^\d{5}/.test(value)
    if (type === 'date' && dialect.dateFormat !== undefined && outside) return '2001-02-03'
    if (type.startsWith('timestamp') && dialect.timestampFormat !== undefined && outside)
      return `2001-02-03T04:05:06.789${type === 'timestamptz' ? '+00' : ''}`
    return /^(text|json)$/.test(type) ? latin(value) : value
  }
  const own = columns.every(({ type }) => !/^(json|list|struct)/.test(type))
  return {
    columns: columns.map((column, i) => ({ ...column, name: names[i] ?? '' })),
    rows: rows.map((row) => row.map((value, i) => held(value, columns[i]?.type)) as unknown as (typeof rows)[number]),
    dialect: {
      ...dialect,
      ...(!own && { formulas: 'raw' as const }),
      // Times inside lists and structs are written by the format, too, and no JSON reader takes them.
      ...(columns.some(({ type }) => type.startsWith('struct')) && { timestampFormat: undefined }),
    },
  }
}

/** The text of a file, whose byte-order mark must be there where the contract says so, and only there. */
export function decoded(bytes: Buffer, { encoding, byteOrderMark }: { encoding: string; byteOrderMark: boolean }): string {
  const all = encoding === 'latin-1' ? bytes.toString('latin1') : new TextDecoder(encoding, { fatal: true, ignoreBOM: true }).decode(bytes)
  if (byteOrderMark) expect(all[0]).toBe('\uFEFF')
  return byteOrderMark ? all.slice(1) : all
}

export type Rows = readonly (readonly (string | null)[])[]

export async function tableOf(folder: string, types: Record<string, string>, rows: Rows): Promise<Dataset> {
  const all = Object.entries(types)
  const values = rows.map(
    (row, id) => `(${[String(id), ...row].map((v, i) => (v === null ? 'NULL' : valueSql(v, all[i]?.[1] ?? ''))).join(', ')})`,
  )
  const select = values.length === 0 ? 'VALUES (0, NULL, NULL, NULL, NULL)' : `VALUES ${values.reverse().join(', ')}`
  const named = all.map(([name]) => quoteIdentifier(name)).join(', ')
  return datasetOf(folder, 'table', types, `SELECT * FROM (${select}) AS t(${named}) WHERE ${values.length > 0}`)
}

function valueSql(value: string, type: string): string {
  return `CAST(${quoteLiteral(value)} AS ${duckdbTypeFromText(type)})`
}

/** Holds the values of a dataset against those that DuckDB makes of its files in UTF-8. */
export async function expectSameByDuckDB(
  files: readonly string[],
  dataset: Dataset,
  columns: readonly (Carried & { name: string })[],
  dialect: AnyDialect,
) {
  const db = await openDuckDB({ memoryBytes: 2 ** 28, threads: 1, temp: `${files[0]}.tmp`, zone: dialect.zone })
  try {
    const back = [{ name: 'id', type: 'int64', back: cast('int64') }, ...columns].map(
      (column) => `${backIn(column, dialect)(quoteIdentifier(column.name))} AS ${quoteIdentifier(column.name)}`,
    )
    await db.run(`CREATE TABLE "read" AS SELECT ${back.join(', ')} FROM ${readCsvBack(files, Object.keys(dataset.columns), dialect)}`)
    await db.run(`CREATE TABLE "written" AS ${relationOfFiles(dataset.columns, dataset.files)}`)
    const missing = (a: string, b: string) =>
      `SELECT 'in ${a}' AS side, t::VARCHAR AS r FROM (SELECT * FROM ${a} EXCEPT ALL SELECT * FROM ${b}) AS t`
    expect(await db.meta(`${missing('"written"', '"read"')} UNION ALL ${missing('"read"', '"written"')}`)).toEqual([])
  } finally {
    db.close()
  }
}

/** The SQL of a value from its text in a dialect. */
function backIn({ type, back }: Pick<Carried, 'type' | 'back'>, dialect: AnyDialect): Carried['back'] {
  const { booleans, decimalPoint, dateFormat, timestampFormat } = dialect
  if (type === 'boolean') return (v) => `CASE ${v} WHEN '${booleans[0]}' THEN true WHEN '${booleans[1]}' THEN false END`
  if (/^(decimal|float)/.test(type)) return (v) => back(`replace(${v}, '${decimalPoint}', '.')`)
  if (type === 'date' && dateFormat !== undefined) return (v) => `CAST(strptime(${v}, '${dateFormat}') AS DATE)`
  if (type === 'timestamp' && timestampFormat !== undefined) return (v) => `CAST(strptime(${v}, '${timestampFormat}') AS TIMESTAMP)`
  if (type === 'timestamptz' && timestampFormat !== undefined)
    return (v) => `CAST(strptime(${v}, '${timestampFormat}') AS TIMESTAMP) AT TIME ZONE 'UTC'`
  return back
}

/**
 * A read_csv call that reads such files back: all columns as text, NULL where it was NULL.
 */
function readCsvBack(files: readonly string[], columns: readonly string[], dialect: CsvDialect): string {
  const names = columns.map((name) => `${quoteLiteral(name)}: 'VARCHAR'`)
  return `read_csv(${quoteList(files)}, auto_detect = false, header = ${dialect.header}, delim = ${quoteLiteral(dialect.delimiter)}, quote = ${quoteLiteral(dialect.quote)}, escape = ${quoteLiteral(dialect.escape)}, nullstr = ${quoteLiteral(dialect.null)}, new_line = '${dialect.lineEnd === '\n' ? '\\n' : '\\r\\n'}', allow_quoted_nulls = false, columns = {${names.join(', ')}})`
}
