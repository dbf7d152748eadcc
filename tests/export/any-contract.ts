import fc from 'fast-check'
import type { Columns } from '../../lib/core/dataset.ts'
import { checkContract } from '../../lib/export/contract/check-contract.ts'
import { type Contract, type ContractOptions, contract } from '../../lib/export/contract/contract.ts'

/** What contracts are made of: any columns and options that go together. */
export const anyOptions = fc
  .record({
    columns: fc.uniqueArray(
      fc.record({
        name: fc.stringMatching(/^[a-z=@_][ -~äß]{0,5}$/),
        type: fc.constantFrom(
          'boolean',
          'int32',
          'uint64',
          'float64',
          'decimal(12,2)',
          'text',
          'uuid',
          'json',
          'date',
          'time',
          'timestamp',
          'timestamptz',
          'bytes',
          'list(text)',
          'struct(a date)',
        ),
        notNull: fc.boolean(),
      }),
      { minLength: 1, maxLength: 6, selector: ({ name }) => name },
    ),
    version: fc.integer({ min: 1, max: 9 }),
    descending: fc.boolean(),
    formulas: fc.constantFrom('raw', 'escape', 'reject'),
    delimiter: fc.constantFrom(',', ';', '\t', '|'),
    quote: fc.constantFrom('"', "'"),
    escape: fc.constantFrom(undefined, '\\'),
    null: fc.constantFrom('', 'NULL', 'nichts'),
    header: fc.boolean(),
    lineEnd: fc.constantFrom('\n', '\r\n'),
    encoding: fc.constantFrom('utf-8', 'utf-16le', 'latin-1', 'windows-1252'),
    byteOrderMark: fc.boolean(),
    compression: fc.constantFrom('none', 'gzip', 'zstd'),
    booleans: fc.constantFrom(['true', 'false'], ['1', '0']),
    decimalPoint: fc.constantFrom('.', ','),
    dateFormat: fc.constantFrom(undefined, '%d.%m.%Y', '%c'),
    timestampFormat: fc.constantFrom(undefined, '%Y-%m-%dT%T', '%n'),
    zone: fc.constantFrom('UTC', 'Europe/Warsaw'),
    zeroRows: fc.constantFrom('headerOnly', 'noFile', 'fail', 'keepLast'),
  })
  .map(({ columns, descending, escape: before, ...rest }) => {
    const [{ name } = { name: '' }] = columns
    const unicode = rest.encoding.startsWith('utf')
    const floats = columns.filter(({ type }) => type === 'float64')
    return {
      ...rest,
      columns: Object.fromEntries(columns.map((each) => [each.name, each.type])),
      notNull: columns.flatMap((each) => (each.notNull ? [each.name] : [])),
      orderBy: [descending ? `-${name}` : name],
      round: Object.fromEntries(floats.map((each) => [each.name, 3])),
      byteOrderMark: unicode && rest.byteOrderMark,
      ...(!unicode && { unfit: 'fail' }),
      ...(before !== undefined && { escape: before, quoting: 'all' }),
    } as ContractOptions<Columns>
  })

/** Whether a dataset of just these columns could keep it. */
export function isKept(given: Contract): boolean {
  try {
    checkContract(given, given.columns)
    return true
  } catch {
    return false
  }
}

export const anyContract = anyOptions.map((options) => contract(options)).filter(isKept)
