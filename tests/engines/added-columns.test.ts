import { expect, test } from 'vitest'
import { ConfigError } from '../../lib/core/errors.ts'
import { addedColumns } from '../../lib/engines/added-columns.ts'

test('addedColumns gives what a table lacks, in the order of the dataset, whatever the order of the table', () => {
  expect(addedColumns('t', { b: 'text', a: 'int64' }, { z: 'date', a: 'int64', b: 'text', constructor: 'text' })).toEqual([
    'z',
    'constructor',
  ])
  expect(addedColumns('t', {}, {})).toEqual([])
})

test('addedColumns names every column that changed or is gone', () => {
  let error: unknown
  try {
    addedColumns('t', { a: 'int64', b: 'text', c: 'date' }, { a: 'int32', c: 'date', d: 'text' })
  } catch (caught) {
    error = caught
  }
  expect(error).toBeInstanceOf(ConfigError)
  expect(error).toMatchObject({
    message:
      'table "t" does not fit the dataset: column "a" is int64 there and int32 in the dataset; column "b" (text) is not in the dataset any more',
    place: { table: 't', column: 'a' },
  })
})

test('addedColumns compares as the warehouse does: names without case, types as they are written there', () => {
  expect(() => addedColumns('t', { Id: 'int64' }, { id: 'int64' })).toThrow('column "Id" (int64) is not in the dataset any more')
  expect(addedColumns('t', { Id: 'int64' }, { id: 'int64', ID2: 'text' }, { nameOf: (name) => name.toLowerCase() })).toEqual(['ID2'])
  expect(addedColumns('t', { a: 'decimal(5,2)' }, { a: 'decimal(5, 2)' })).toEqual([])
  expect(addedColumns('t', { a: 'inet' }, { a: 'inet' }, { asThere: (type) => type })).toEqual([])
})
