import { execFileSync } from 'node:child_process'
import { join, resolve } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { quoteLiteral } from '../../lib/core/quote.ts'
import { duckdbTypeFromText } from '../../lib/engines/types.ts'
import { deliver } from '../../lib/export/deliver.ts'
import { exportOf, freshStore, requestOf } from '../export/kit.ts'
import { temporaryFolder, testContext } from '../kit/context.ts'
import { datasetOf } from '../kit/dataset.ts'
import { connectToTestEngine } from '../kit/engine.ts'

const columns = { id: 'int64', text: 'text', amount: 'decimal(12,3)', done: 'boolean', day: 'date', more: 'text' } as const

const texts = fc.oneof(
  fc.string({ unit: fc.constantFrom('a', 'é', ' ', '"', "'", ',', ';', '\t', '|', '\n', '\r', '\\', '#', '='), maxLength: 10 }),
  fc.constantFrom('', 'NULL', 'NA', '\\N', '0', 'true', '"', '""', '\r\n', 'a\r\nb', ' lead', 'trail ', '=1+1', 'null', '-', '\u00a0'),
)

const rows = fc.array(
  fc.record({
    text: fc.option(texts, { freq: 4 }),
    amount: fc.option(fc.integer({ min: -(10 ** 9), max: 10 ** 9 }), { freq: 4 }),
    done: fc.option(fc.boolean(), { freq: 4 }),
    day: fc.option(fc.date({ min: new Date('1000-01-01'), max: new Date('9999-12-31'), noInvalidDate: true }), { freq: 4 }),
    more: fc.option(texts, { freq: 4 }),
  }),
  { maxLength: 12 },
)

const dialects = fc
  .record({
    delimiter: fc.constantFrom(',', ';', '\t', '|', ':', '\x01'),
    quote: fc.constantFrom('"', "'"),
    null: fc.constantFrom('', 'NULL', 'NA', '\\N', 'n/a'),
    header: fc.boolean(),
    lineEnd: fc.constantFrom('\n' as const, '\r\n' as const),
    compression: fc.constantFrom('none' as const, 'gzip' as const),
    encoding: fc.constantFrom('utf-8' as const, 'utf-16le' as const, 'latin-1' as const, 'windows-1252' as const),
    mark: fc.boolean(),
    quoting: fc.constantFrom('minimal' as const, 'nonNumeric' as const, 'all' as const),
    backslash: fc.boolean(),
    booleans: fc.constantFrom(['true', 'false'] as const, ['J', 'N'] as const, ['1', '0'] as const),
    decimalPoint: fc.constantFrom('.' as const, ',' as const),
    dateFormat: fc.constantFrom(undefined, '%d.%m.%Y' as const),
    split: fc.constantFrom(undefined, { rows: 5 }),
  })
  .map(({ backslash, mark, dateFormat, split, ...dialect }) => {
    const unicode = dialect.encoding === 'utf-8' || dialect.encoding === 'utf-16le'
    const own = backslash && dialect.quoting !== 'minimal' && !dialect.null.includes('\\')
    return {
      ...dialect,
      ...{ escape: own ? '\\' : dialect.quote, byteOrderMark: mark && unicode },
      ...(!unicode && { unfit: 'fail' as const }),
      ...(dateFormat !== undefined && { dateFormat }),
      ...(split !== undefined && { split }),
    }
  })

type Row = typeof rows extends fc.Arbitrary<readonly (infer R)[]> ? R : never
type Dialect = typeof dialects extends fc.Arbitrary<infer D> ? D : never

/** The values as a reader is to find them, written down without the code under test. Python's reader cannot tell NULL from its text in quotes. */
function wanted({ text, amount, done, day, more }: Row, id: number, dialect: Dialect): readonly string[] {
  const { null: absent, booleans, decimalPoint } = dialect
  const digits = String(Math.abs(amount ?? 0)).padStart(4, '0')
  const number = `${(amount ?? 0) < 0 ? '-' : ''}${digits.slice(0, -3)}${decimalPoint}${digits.slice(-3)}`
  const [year, month, date] = day?.toISOString().slice(0, 10).split('-') ?? []
  return [
    String(id),
    text ?? absent,
    amount === null ? absent : number,
    done === null ? absent : booleans[done ? 0 : 1],
    day === null ? absent : dialect.dateFormat === undefined ? `${year}-${month}-${date}` : `${date}.${month}.${year}`,
    more ?? absent,
  ]
}

function select(table: readonly Row[]): string {
  const literal = (value: string | undefined, type: string) =>
    value === undefined ? 'NULL' : `CAST(${quoteLiteral(value)} AS ${duckdbTypeFromText(type)})`
  const values = table.map(({ text, amount, done, day, more }, id) => {
    const all = [String(id), text ?? undefined, amount === null ? undefined : String(amount), done === null ? undefined : String(done)]
    const [number, words, thousandths, yes] = all.map((value, i) => literal(value, ['int64', 'text', 'int64', 'boolean'][i] ?? ''))
    return `(${number}, ${words}, ${thousandths}, ${yes}, ${literal(day?.toISOString().slice(0, 10), 'date')}, ${literal(more ?? undefined, 'text')})`
  })
  const named = `(VALUES ${values.join(', ') || '(0, NULL, NULL, NULL, NULL, NULL)'}) AS t(id, text, amount, done, day, more)`
  return `SELECT id, text, (amount::DECIMAL(18,3) / 1000)::DECIMAL(12,3) AS amount, done, day, more FROM ${named} WHERE ${values.length > 0} ORDER BY id DESC`
}

test("Python's csv module reads any table in any dialect as it was, by its manifest alone", { timeout: 300_000 }, async () => {
  const cases = fc.sample(fc.tuple(rows, dialects), { numRuns: 80, seed: 1 })
  const manifests: string[] = []
  for (const [table, dialect] of cases) {
    const root = temporaryFolder()
    const dataset = await datasetOf(root, 't', columns, select(table))
    const target = exportOf('t/all.csv', { columns, orderBy: ['id'], ...dialect })
    const request = requestOf(dataset, { export: target, partition: undefined })
    const { manifest } = await deliver(request, freshStore(root), testContext(), async () => connectToTestEngine())
    manifests.push(join(root, 'store', manifest ?? ''))
  }
  const script = resolve(import.meta.dirname, 'read_deliveries.py')
  const read = JSON.parse(execFileSync('python3', [script], { input: JSON.stringify(manifests), maxBuffer: 2 ** 28 }).toString())
  for (const [i, [table, dialect]] of cases.entries())
    expect([dialect, read[i]]).toEqual([
      dialect,
      { header: dialect.header ? Object.keys(columns) : null, rows: table.map((row, id) => wanted(row, id, dialect)) },
    ])
})
