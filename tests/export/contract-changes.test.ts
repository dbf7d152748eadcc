import { expect, test } from 'vitest'
import type { Columns } from '../../lib/core/dataset.ts'
import { ConfigError } from '../../lib/core/errors.ts'
import { type ContractOptions, contract } from '../../lib/export/contract.ts'
import { breakingChanges, refuseBreaking } from '../../lib/export/contract-changes.ts'
import { writtenContract } from '../../lib/export/written-contract.ts'

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
