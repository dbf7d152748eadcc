import { expect, test } from 'vitest'
import { checkContract } from '../../lib/export/contract/check-contract.ts'
import { contract } from '../../lib/export/contract/contract.ts'
import { breakingChanges } from '../../lib/export/contract/contract-changes.ts'
import { contractFromDescriptor } from '../../lib/export/contract/contract-from-descriptor.ts'
import { descriptorOf } from '../../lib/export/contract/descriptor.ts'
import { resourcesIn } from '../../lib/export/contract/descriptor-text.ts'
import { breachesOf } from '../../lib/export/contract/expectation.ts'
import {
  arrow,
  csv,
  type Export,
  type ExportOptions,
  excel,
  ndjson,
  parquet,
  type TableExportOptions,
} from '../../lib/export/contract/export.ts'
import { tableContract } from '../../lib/export/contract/table-contract.ts'
import { writtenContract } from '../../lib/export/contract/written-contract.ts'
import { deliveryLayout } from '../../lib/export/layout.ts'
import { valueForm } from '../../lib/export/write/value-form.ts'

const columns = { id: 'int32', at: 'timestamptz', share: 'float64' } as const
const options = { columns, orderBy: ['id'], notNull: ['id'] } as const
const table = tableContract({ ...options, round: { share: 2 } })
const text = contract({ ...options, formulas: 'raw' })
type Columns = typeof columns

/** An export of each format but CSV. */
const exports: readonly Export<never>[] = [
  arrow('a.arrow', { contract: table, split: { bytes: 10_000 } }),
  excel('a.xlsx', { contract: table, sheet: 'Rows', zone: 'Europe/Warsaw' }),
  ndjson('a.ndjson', { contract: table, compression: 'zstd', zone: 'Europe/Warsaw', split: { rows: 2 } }),
  parquet('a.parquet', { contract: table, split: { rows: 2 } }),
]

test('an export refuses the contract of another kind, and an option that its format has not', () => {
  expect(() => csv('a.csv', { contract: table } as unknown as ExportOptions<Columns>)).toThrow(
    'export "a.csv": csv needs a contract that contract({ … }) has made',
  )
  expect(() => parquet('a.parquet', { contract: text } as unknown as TableExportOptions<Columns>)).toThrow(
    'export "a.parquet": parquet needs a contract that tableContract({ … }) has made',
  )
  const delimited = { contract: table, delimiter: ';' }
  expect(() => parquet('a.parquet', delimited)).toThrow(
    'export "a.parquet": delimiter is no option of parquet; there are contract, plain, delivery, notify, compression, split',
  )
  const split = { contract: table, split: { rows: 2 } }
  expect(() => excel('a', split)).toThrow(expect.objectContaining({ hint: expect.stringContaining('a workbook is one file of one sheet') }))
})

test('checkContract refuses what a table cannot keep', () => {
  const bad = (target: Export<never>) => () => checkContract(target.contract, columns)
  expect(bad(parquet('a.parquet', { contract: table, compression: 'lz4' as 'zstd' }))).toThrow(
    'compression "lz4" is unknown; expected "none", "snappy", "zstd"',
  )
  for (const make of [arrow, parquet])
    expect(bad(make('a', { contract: table, split: { rows: 0 } }))).toThrow('contract split {"rows":0} must be { rows: n } or { bytes: n }')
  const headerOnly = tableContract({ ...options, zeroRows: 'headerOnly' as 'emptyFile' })
  for (const { format, contract: of } of exports)
    expect(() => checkContract({ ...of, ...headerOnly, format } as Export['contract'], columns)).toThrow('zeroRows "headerOnly" is unknown')
  const wide = { ...columns, amount: 'decimal(9,2)' } as const
  const rounded = tableContract({ columns: wide, orderBy: ['id'], round: { amount: 1 } })
  expect(() => checkContract(parquet('a.parquet', { contract: rounded }).contract, wide)).toThrow(
    'round names "amount", which is decimal(9,2); only floats are rounded',
  )
})

test('checkContract wants to be told what becomes of numbers that a double does not hold', () => {
  const big = { id: 'int32', amounts: 'list(decimal(16,2))' } as const
  const of = (bigNumbers?: 'number' | 'text') =>
    ndjson('a.ndjson', { contract: tableContract({ columns: big, orderBy: ['id'] }), ...(bigNumbers && { bigNumbers }) }).contract
  expect(() => checkContract(of(), big)).toThrow('"amounts" is list(decimal(16,2)), and ndjson needs bigNumbers: "number" or "text"')
  for (const given of ['number', 'text'] as const) checkContract(of(given), big)
})

test('checkContract refuses a name that no sheet can have, and columns that no sheet holds', () => {
  const named = (sheet: string) => () => checkContract(excel('a.xlsx', { contract: table, sheet }).contract, columns)
  for (const sheet of ['', 'x'.repeat(32), 'a/b', "'a", 'History', 'a\nb']) expect(named(sheet)).toThrow('is no name of a sheet')
  named('Zürich 1+1')()
  const wide = Object.fromEntries(Array.from({ length: 16_385 }, (_, i) => [`c${i}`, 'int32']))
  const all = excel('a.xlsx', { contract: tableContract({ columns: wide, orderBy: ['c0'] }) }).contract
  expect(() => checkContract(all, wide)).toThrow('the contract has 16385 columns, and a sheet of Excel has 16384')
})

test('a path that says another format is refused', () => {
  const at = (path: string) => () => deliveryLayout(parquet(path, { contract: table }) as Export, undefined)
  expect(at('a/b.csv')).toThrow('export path "a/b.csv" says csv, and is delivered as parquet')
  expect(at('a/b.csv.gz')).toThrow('says csv')
  expect(at('a/b.dat')().extension).toBe('.dat')
  expect(at('a/b')().extension).toBe('.parquet')
})

test.each(exports)('contract of $format: its JSON form says all of it, and reads back', ({ path, contract: given }) => {
  const descriptor = descriptorOf({ path, contract: given })
  const [stated] = resourcesIn(JSON.stringify(descriptor), 'a.json')
  if (!stated) throw new Error('nothing read')
  expect(contractFromDescriptor(stated, 'a.json')).toEqual(writtenContract(given))
  expect(breachesOf(stated, descriptor)).toEqual([])
  const csvInstead = breachesOf(stated, descriptorOf({ path: 'a.csv', contract: text })).map(({ what }) => what)
  expect(csvInstead).toContain(`format is "csv", expected ${JSON.stringify(descriptor.format)}`)
})

test.each(exports)('contract of $format: another format breaks its readers', ({ format, contract: given }) => {
  expect(breakingChanges(writtenContract(given), writtenContract(given))).toEqual([])
  expect(breakingChanges(writtenContract(text), writtenContract(given))).toEqual([`format was "csv" and is "${format}"`])
})

test('valueForm says how each format writes a value', () => {
  const all = { n: 'int64', small: 'int8', at: 'timestamptz', day: 'date', l: 'list(text)', u: 'uuid' } as const
  const of = tableContract({ columns: all, orderBy: ['n'] })
  const forms = ({ contract: given }: Export<never>) => Object.keys(all).map((name) => valueForm(name, given))
  const zone = 'Europe/Warsaw'
  expect(forms(ndjson('a.ndjson', { contract: of, bigNumbers: 'text', zone }))).toEqual([
    'digits, as text',
    'number',
    'ISO 8601 in Europe/Warsaw',
    'ISO 8601',
    'array',
    'text',
  ])
  expect(forms(excel('a.xlsx', { contract: of, bigNumbers: 'number', zone }))).toEqual([
    'number',
    'number',
    'timestamp in Europe/Warsaw',
    'date',
    'text',
    'text',
  ])
  expect(forms(parquet('a.parquet', { contract: of }))).toEqual(['int64', 'int8', 'timestamptz', 'date', 'list(text)', 'text'])
})
