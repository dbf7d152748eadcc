import { expect, test } from 'vitest'
import type { Columns } from '../../lib/core/dataset.ts'
import { ConfigError } from '../../lib/core/errors.ts'
import { type ContractOptions, contract } from '../../lib/export/contract/contract.ts'
import { breakingChanges, contractChanges, refuseBreaking } from '../../lib/export/contract/contract-changes.ts'
import { writtenContract } from '../../lib/export/contract/written-contract.ts'

const written = (columns: Columns, more: Partial<ContractOptions<Columns>> = {}) =>
  writtenContract(contract({ formulas: 'raw', columns, orderBy: [Object.keys(columns)[0] ?? ''], ...more }))
const before = written({ id: 'int64', name: 'text' }, { notNull: ['id'] })

test.each<[string, ReturnType<typeof written>, string[]]>([
  ['nothing', before, []],
  ['a column at the end', written({ id: 'int64', name: 'text', more: 'date' }, { notNull: ['id'] }), []],
  ['a promise more', written({ id: 'int64', name: 'text' }, { notNull: ['id', 'name'] }), []],
  ['a column less', written({ id: 'int64' }, { notNull: ['id'] }), ['"name" is gone']],
  ['another name', written({ id: 'int64', title: 'text' }, { notNull: ['id'] }), ['"name" is gone']],
  ['another type', written({ id: 'int32', name: 'text' }, { notNull: ['id'] }), ['"id" was int64 and is int32']],
  [
    'another order',
    written({ name: 'text', id: 'int64' }, { notNull: ['id'] }),
    ['"id" was column 1 and is column 2', '"name" was column 2 and is column 1'],
  ],
  [
    'a column before another',
    written({ id: 'int64', new: 'text', name: 'text' }, { notNull: ['id'] }),
    ['"name" was column 2 and is column 3'],
  ],
  ['a promise less', written({ id: 'int64', name: 'text' }), ['"id" was never NULL and may be now']],
])('breakingChanges of %s', (_, after, changes) => {
  expect(breakingChanges(before, after)).toEqual(changes)
})

test('refuseBreaking lets a breaking change pass with a higher version only, and never a lower one', () => {
  const after = written({ id: 'int64' })
  expect(() => refuseBreaking(before, after)).toThrow(ConfigError)
  expect(() => refuseBreaking(before, after)).toThrow(
    'the contract breaks what readers were promised: "id" was never NULL and may be now; "name" is gone',
  )
  refuseBreaking(before, { ...after, version: 2 })
  expect(() => refuseBreaking({ ...before, version: 3 }, { ...before, version: 2 })).toThrow(
    'the contract has version 2, and version 3 was delivered',
  )
})

test.each<[string, Partial<ContractOptions<Columns>>, string[]]>([
  ['another delimiter', { delimiter: ';' }, ['delimiter was "," and is ";"']],
  ['another encoding', { encoding: 'latin-1', unfit: 'fail' }, ['encoding was "utf-8" and is "latin-1"']],
  ['another NULL', { null: 'NULL' }, ['null was "" and is "NULL"']],
  ['compression', { compression: 'gzip' }, ['compression was "none" and is "gzip"']],
  ['formulas that are escaped', { formulas: 'escape' }, ['formulas was "raw" and is "escape"']],
  ['formulas that are refused', { formulas: 'reject' }, []],
  ['no file without rows', { zeroRows: 'noFile' }, ['zeroRows was "headerOnly" and is "noFile"']],
  ['texts of values that no column has', { booleans: ['1', '0'], decimalPoint: ',', zone: 'Europe/Warsaw', dateFormat: '%d.%m.%Y' }, []],
  ['what any reader takes', { quoting: 'all', orderBy: ['name', 'id'] }, []],
])('breakingChanges of options: %s', (_, options, changes) => {
  const base = { notNull: ['id'] } as const
  expect(breakingChanges(before, written({ id: 'int64', name: 'text' }, { ...base, ...options }))).toEqual(changes)
})

test('breakingChanges asks which columns have the values that an option writes', () => {
  const columns = { id: 'int64', paid: 'list(struct(done boolean))', amount: 'float64', day: 'date', at: 'timestamptz' } as const
  const options = { booleans: ['1', '0'], decimalPoint: ',', dateFormat: '%d.%m.%Y', timestampFormat: '%c', zone: 'Europe/Warsaw' } as const
  expect(breakingChanges(written(columns), written(columns, options))).toEqual([
    'booleans was ["true","false"] and is ["1","0"]',
    'decimalPoint was "." and is ","',
    'dateFormat was not given and is "%d.%m.%Y"',
    'timestampFormat was not given and is "%c"',
    'zone was "UTC" and is "Europe/Warsaw"',
  ])
})

test('contractChanges tells what breaks nothing, too', () => {
  const after = written({ id: 'int64', name: 'text', more: 'date' }, { notNull: ['id', 'name'], quoting: 'all' })
  expect(contractChanges(before, after)).toEqual([
    { kind: 'notNull', name: 'name', before: false, after: true, breaking: false, what: '"name" may no longer be NULL' },
    { kind: 'added', name: 'more', before: null, after: 'date', breaking: false, what: '"more" (date) is new, column 3' },
    { kind: 'option', name: 'quoting', before: 'minimal', after: 'all', breaking: false, what: 'quoting was "minimal" and is "all"' },
  ])
  expect(contractChanges(before, { ...before, version: 2 })).toEqual([])
})
