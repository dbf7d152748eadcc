import { afterAll, expect, test } from 'vitest'
import { compareDatasets } from '../../../lib/pipeline/certify/compare.ts'
import { temporaryFolder } from '../../kit/context.ts'
import { datasetOf } from '../../kit/dataset.ts'
import { connectToTestEngine } from '../../kit/engine.ts'

const db = await connectToTestEngine()
afterAll(() => db.close())

const COLUMNS = { id: 'int64', name: 'text', amount: 'float64' } as const

async function compared(first: string, then: string, given: { keys?: readonly (readonly string[])[]; ordered?: boolean } = {}) {
  const folder = temporaryFolder()
  const [one, two] = [await datasetOf(folder, 'd', COLUMNS, first), await datasetOf(folder, 'd', COLUMNS, then)]
  return compareDatasets(db, one, two, { keys: given.keys ?? [], ordered: given.ordered ?? false })
}

const rows = (...all: readonly string[]) => `SELECT * FROM (VALUES ${all.map((row) => `(${row})`).join(', ')}) AS t(id, name, amount)`
const THREE = rows("1, 'a', 1.5", "2, 'b', 2.5", '3, NULL, 3.5')

test('compareDatasets finds the same rows the same in any order, and in another one where that is asked', async () => {
  const other = rows('3, NULL, 3.5', "1, 'a', 1.5", "2, 'b', 2.5")
  expect(await compared(THREE, other)).toBeUndefined()
  expect(await compared(THREE, THREE, { ordered: true })).toBeUndefined()
  expect(await compared(THREE, other, { ordered: true })).toEqual({ columns: [], rows: 3, of: 3, order: true })
})

test('compareDatasets names columns, counts rows, and shows the first one by a key that it finds itself', async () => {
  expect(await compared(THREE, rows("1, 'a', 1.5", "2, 'x', 2.5", "3, 'y', 3.5"))).toEqual({
    columns: ['name'],
    near: [],
    rows: 2,
    of: 3,
    example: { key: { id: '2', amount: '2.5' }, was: { name: 'b' }, became: { name: 'x' } },
  })
})

test('compareDatasets finds values that have changed places, by the key that the pipeline names', async () => {
  const swapped = rows("1, 'b', 1.5", "2, 'a', 2.5", '3, NULL, 3.5')
  const found = { columns: ['name'], near: [], rows: 2, of: 3, example: { key: { id: '1' }, was: { name: 'a' }, became: { name: 'b' } } }
  expect(await compared(THREE, swapped, { keys: [['gone'], ['id']] })).toEqual(found)
  expect(await compared(THREE, swapped)).toEqual(found)
})

test('compareDatasets without any key gives a row of each side', async () => {
  const twice = rows("1, 'a', 1.5", "1, 'a', 1.5")
  expect(await compared(twice, rows("1, 'a', 1.5", "1, 'b', 1.5"))).toEqual({
    columns: ['name'],
    rows: 1,
    of: 2,
    example: { key: {}, was: { id: '1', name: 'a', amount: '1.5' }, became: { id: '1', name: 'b', amount: '1.5' } },
  })
  expect(await compared(THREE, rows("1, 'a', 1.5"))).toMatchObject({ rows: 2, of: 3, example: { was: { id: '2' }, became: {} } })
})

test('compareDatasets tells last digits of floats from other values', async () => {
  const sums = (sum: string) => `SELECT 1 AS id, 'a' AS name, ${sum} AS amount`
  expect(await compared(sums('0.1::DOUBLE + 0.2 + 0.3'), sums('0.1::DOUBLE + (0.2 + 0.3)'))).toMatchObject({ columns: ['amount'] })
  expect(await compared(sums('0.6::DOUBLE'), sums('0.6000000000000001::DOUBLE'))).toMatchObject({ lastDigits: true })
  expect(await compared(sums('0.6::DOUBLE'), sums('0.7::DOUBLE'))).toEqual(expect.not.objectContaining({ lastDigits: true }))
  // A sum is to blame for its own column, whatever another one does.
  const mixed = await compared(sums('0.6::DOUBLE'), sums('0.6000000000000001::DOUBLE').replace("'a'", "'b'"))
  expect(mixed).toMatchObject({ columns: ['name', 'amount'], near: ['amount'] })
  expect(mixed).not.toHaveProperty('lastDigits')
})
