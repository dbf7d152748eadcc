import { describe, expect, test } from 'vitest'
import type { Dataset } from '../../lib/core/dataset.ts'
import { openDuckDB } from '../../lib/engines/duckdb.ts'
import { contract } from '../../lib/export/contract/contract.ts'
import { deliverySelect } from '../../lib/export/write/rows.ts'
import { checkTotalOrder } from '../../lib/export/write/total-order.ts'
import { temporaryFolder } from '../kit/context.ts'
import { datasetOf } from '../kit/dataset.ts'

const columns = { place: 'int64', 'row number': 'text', k0: 'int64' } as const
const target = contract({ formulas: 'raw', columns, orderBy: ['-place', 'row number', 'k0'] })

async function orderOf(select: string, more: Partial<Dataset> = {}) {
  const dataset = { ...(await datasetOf(temporaryFolder(), 'd', columns, select)), ...more }
  const db = await openDuckDB({ memoryBytes: 2 ** 28, threads: 2, temp: temporaryFolder() })
  try {
    return await checkTotalOrder(db, dataset, target, new AbortController().signal)
  } finally {
    db.close()
  }
}

const inOrder = async (select: string, more?: Partial<Dataset>) => (await orderOf(select, more)).inOrder

describe('checkTotalOrder tells whether the files are in order', () => {
  const rows = (values: string) => `SELECT * FROM (VALUES ${values}) AS t(place, "row number", k0)`

  test('by all columns, their directions and NULLs last', async () => {
    expect(
      await inOrder(rows("(3, 'b', 1), (2, 'a', 1), (2, 'a', 2), (2, 'b', 0), (2, NULL, 0), (NULL, 'a', 1), (NULL, NULL, NULL)")),
    ).toBe(true)
    expect(await inOrder(rows("(2, 'a', 1), (3, 'b', 1)"))).toBe(false)
    expect(await inOrder(rows("(2, NULL, 0), (2, 'b', 0)"))).toBe(false)
    expect(await inOrder(rows("(2, 'a', 2), (2, 'a', 1)"))).toBe(false)
    expect(await inOrder(rows("(NULL, 'a', 1), (1, 'a', 1)"))).toBe(false)
    expect(await inOrder(rows("(1, 'a', 1)"))).toBe(true)
    expect(await inOrder(rows("(3, 'b', 1), (2, 'a', 1), (2, 'a', 2), (2, 'b', 0)"))).toBe(true)
  })

  test('among half a million rows with two out of place, and over several files', async () => {
    const many = 'SELECT -range AS place, NULL::VARCHAR AS "row number", 0 AS k0 FROM range(500000)'
    expect(await inOrder(many)).toBe(true)
    expect(
      await inOrder(`SELECT * FROM (${many}) ORDER BY CASE place WHEN -373737 THEN -373736 WHEN -373736 THEN -373737 ELSE place END DESC`),
    ).toBe(false)
    const [low, high] = await Promise.all(
      [10, 20].map((n) => datasetOf(temporaryFolder(), 'd', columns, `SELECT ${n} AS place, 'x' AS "row number", 0 AS k0`)),
    )
    const files = [...(high?.files ?? []), ...(low?.files ?? [])]
    expect(await inOrder(many, { files, rows: 2 })).toBe(true)
    expect(await inOrder(many, { files: files.toReversed(), rows: 2 })).toBe(false)
  })

  test('and says the same of where rows stand, sorted or not', async () => {
    const three = (last: string) => orderOf(rows(`(3, 'b', 1), (2, 'a', 1), ${last}`))
    expect((await three("(2, 'a', 3), (2, 'a', 2)")).order).toBe((await three("(2, 'a', 2), (2, 'a', 3)")).order)
    expect((await three("(2, 'a', 2)")).order).not.toBe((await three("(2, 'a', 3)")).order)
    await expect(three("(2, 'a', 1)")).rejects.toThrow('1 of 3 rows repeat the one before, first place=2 row number=a k0=1')
  })
})

test('deliverySelect sorts but where the rows are in order', async () => {
  const dataset = await datasetOf(temporaryFolder(), 'd', columns, `SELECT 1 AS place, 'x' AS "row number", 0 AS k0`)
  expect(deliverySelect(dataset, target)).toContain('ORDER BY "place" DESC NULLS LAST, "row number" ASC NULLS LAST, "k0" ASC NULLS LAST')
  expect(deliverySelect(dataset, target, true)).not.toContain('ORDER BY')
})
