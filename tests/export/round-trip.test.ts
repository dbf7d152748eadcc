import { createReadStream, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Dataset } from '../../lib/core/dataset.ts'
import { quoteIdentifier, quoteLiteral } from '../../lib/core/quote.ts'
import { openDuckDB } from '../../lib/engines/duckdb.ts'
import { relationOfFiles } from '../../lib/engines/relation.ts'
import { duckdbTypeFromText } from '../../lib/engines/types.ts'
import { deliver } from '../../lib/export/deliver.ts'
import type { CsvDialect } from '../../lib/formats/csv-write.ts'
import { escapedFormula, formulaIn } from '../../lib/formats/formulas.ts'
import { temporaryFolder, testContext } from '../kit/context.ts'
import { parseCsv } from '../kit/csv.ts'
import { datasetOf } from '../kit/dataset.ts'
import { exportOf, freshStore, requestOf } from './kit.ts'
import type { TestContract } from './names.ts'

/** Values of each carried type as DuckDB's text, and the SQL that makes such a value from its CSV text `v` again. */
interface Carried {
  readonly type: string
  readonly values: fc.Arbitrary<string>
  readonly back: (v: string) => string
}

const cast = (type: string) => (v: string) => `CAST(${v} AS ${duckdbTypeFromText(type)})`
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

const dialects = fc
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
type AnyDialect = typeof dialects extends fc.Arbitrary<infer T> ? T : never

const tables = fc
  .record({ names, types: fc.array(fc.constantFrom(...TYPES), { minLength: 4, maxLength: 4 }) })
  .chain(({ names: [, ...rest], types }) =>
    fc.record({
      columns: fc.constant(types.map((type, i) => ({ name: rest[i] ?? '', ...type }))),
      rows: fc.array(fc.tuple(...types.map((type) => fc.option(type.values, { freq: 4 }))), { maxLength: 8 }),
    }),
  )

test('deliver round trips any table of the carried types in any dialect, read back by DuckDB and by a strict RFC 4180 reader', {
  timeout: 300_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(tables, dialects, async (table, given) => {
      const folder = temporaryFolder()
      const { columns, rows, dialect } = fitting(table, given)
      const types = { id: 'int64', ...Object.fromEntries(columns.map(({ name, type }) => [name, type])) }
      const dataset = await tableOf(folder, types, rows)
      const store = freshStore(folder)
      const target = exportOf('t.csv', { columns: types, orderBy: ['id'], ...dialect } as TestContract<typeof types>)
      const delivery = deliver(requestOf(dataset, { export: target, partition: undefined }), store, testContext())
      const header = Object.keys(types).map((name) => (dialect.formulas === 'escape' ? escapedFormula(name, dialect) : name))
      const seen = rows.map((row) => row.map((value, i) => seenAs(value, columns[i]?.type, dialect)))
      if (dialect.formulas === 'reject' && holdsFormula(Object.keys(types), columns, rows, dialect)) {
        await expect(delivery).rejects.toThrow('is a formula')
        return
      }
      const receipt = await delivery
      const file = join(folder, 'read.csv')
      const stored = createReadStream(store.localPath(receipt.files[0] ?? '') ?? '')
      const expand = { none: [], gzip: [createGunzip()], zstd: [createZstdDecompress()] }[dialect.compression]
      const [first = new PassThrough()] = expand
      const bytes = await buffer(stored.pipe(first))
      writeFileSync(file, decoded(bytes, dialect))
      const expected = dialect.formulas === 'escape' ? await tableOf(temporaryFolder(), types, seen) : dataset
      await expectSameByDuckDB(file, expected, columns, dialect)
      await expectSameByRfc(file, header, columns, seen, dialect)
    }),
    { numRuns: 60 },
  )
})

type Table = typeof tables extends fc.Arbitrary<infer T> ? T : never

/** Values and names that the dialect can hold: its encoding has every character, its formats every day. Formulas are looked for where a column's text is the test's own. */
function fitting({ columns, rows }: Table, dialect: AnyDialect): Table & { readonly dialect: AnyDialect } {
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

/** A value as readers see it. */
function seenAs(value: string | null, type: string | undefined, dialect: AnyDialect): string | null {
  return value !== null && type === 'text' && dialect.formulas === 'escape' ? escapedFormula(value, dialect) : value
}

function holdsFormula(names: readonly string[], columns: Table['columns'], rows: Rows, dialect: AnyDialect): boolean {
  const values = rows.flatMap((row) => row.filter((_, i) => columns[i]?.type === 'text'))
  return [...(dialect.header ? names : []), ...values].some((text) => text !== null && formulaIn(text, dialect))
}

/** The text of a file, whose byte-order mark must be there where the contract says so, and only there. */
function decoded(bytes: Buffer, { encoding, byteOrderMark }: { encoding: string; byteOrderMark: boolean }): string {
  const all = encoding === 'latin-1' ? bytes.toString('latin1') : new TextDecoder(encoding, { fatal: true, ignoreBOM: true }).decode(bytes)
  if (byteOrderMark) expect(all[0]).toBe('\uFEFF')
  return byteOrderMark ? all.slice(1) : all
}

type Rows = readonly (readonly (string | null)[])[]

async function tableOf(folder: string, types: Record<string, string>, rows: Rows): Promise<Dataset> {
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

async function expectSameByDuckDB(file: string, dataset: Dataset, columns: readonly (Carried & { name: string })[], dialect: AnyDialect) {
  const db = await openDuckDB({ memoryBytes: 2 ** 28, threads: 1, temp: `${file}.tmp`, zone: dialect.zone })
  try {
    const back = [{ name: 'id', type: 'int64', back: cast('int64') }, ...columns].map(
      (column) => `${backIn(column, dialect)(quoteIdentifier(column.name))} AS ${quoteIdentifier(column.name)}`,
    )
    await db.run(`CREATE TABLE "read" AS SELECT ${back.join(', ')} FROM ${readCsvBack(file, Object.keys(dataset.columns), dialect)}`)
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

/** The types whose CSV text is what the test wrote. */
const LITERAL = /^(text|boolean|u?int\d+|uuid|json|decimal)/

async function expectSameByRfc(file: string, header: readonly string[], columns: readonly Carried[], rows: Rows, dialect: AnyDialect) {
  const records = parseCsv(await text(createReadStream(file)), dialect)
  if (dialect.header) expect(records.shift()?.map((field) => field.text)).toEqual(header)
  const seen = records.map((record) =>
    record
      .slice(1)
      .flatMap(({ text, quoted }, i) => (LITERAL.test(columns[i]?.type ?? '') ? [!quoted && text === dialect.null ? null : text] : [])),
  )
  const textOf = (value: string | null, type: string) => {
    if (type === 'boolean' && value !== null) return dialect.booleans[value === 'true' ? 0 : 1]
    return type.startsWith('decimal') ? (value?.replace('.', dialect.decimalPoint) ?? null) : value
  }
  const wanted = rows.map((row) =>
    row.flatMap((value, i) => (LITERAL.test(columns[i]?.type ?? '') ? [textOf(value, columns[i]?.type ?? '')] : [])),
  )
  expect(seen).toEqual(wanted)
}

/**
 * A read_csv call that reads such a file back: all columns as text, NULL where it was NULL.
 */
function readCsvBack(path: string, columns: readonly string[], dialect: CsvDialect): string {
  const names = columns.map((name) => `${quoteLiteral(name)}: 'VARCHAR'`)
  return `read_csv(${quoteLiteral(path)}, auto_detect = false, header = ${dialect.header}, delim = ${quoteLiteral(dialect.delimiter)}, quote = ${quoteLiteral(dialect.quote)}, escape = ${quoteLiteral(dialect.escape)}, nullstr = ${quoteLiteral(dialect.null)}, new_line = '${dialect.lineEnd === '\n' ? '\\n' : '\\r\\n'}', allow_quoted_nulls = false, columns = {${names.join(', ')}})`
}
