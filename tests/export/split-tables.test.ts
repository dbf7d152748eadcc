import { describe, expect, test } from 'vitest'
import { excel } from '../../lib/export/contract/export.ts'
import { tableContract } from '../../lib/export/contract/table-contract.ts'
import { EVERY_TYPE, everyColumn, everySelect } from './every-type.ts'
import { columns, deliver, formats, noise } from './split-kit.ts'
import { deliverSelect } from './table-kit.ts'

describe.each(formats)('$format', (each) => {
  const { format, target, idsOf, shapeOf } = each

  test('split by rows is whole files of so many rows in order, the last one of the rest', async () => {
    const delivered = await deliver(noise(10), each, { split: { rows: 4 } })
    expect(delivered.faults).toEqual([])
    expect(delivered.files.map((key) => key.replaceAll(/[0-9a-f]{8,}/g, '…'))).toEqual([1, 2, 3].map((n) => `rows/…-000${n}-….${format}`))
    expect(delivered.paths.map(idsOf)).toEqual([
      [9, 8, 7, 6],
      [5, 4, 3, 2],
      [1, 0],
    ])
  })

  test('split by fewer bytes than a file has without rows is refused', async () => {
    await expect(deliver(noise(3), each, { split: { bytes: 100 } })).rejects.toMatchObject({
      name: 'ConfigError',
      message: expect.stringMatching(/^contract split {"bytes":100} cannot be kept: a file of these columns has \d+ bytes without a row$/),
      hint: expect.stringContaining('give split more bytes'),
    })
  })

  test('split carries every type, and a column that is called as the number of a row is', async () => {
    const all = { ...everyColumn, file_row_number: 'int32' }
    const select = `SELECT *, 7 AS file_row_number FROM (${everySelect})`
    const delivered = await deliverSelect(all, select, target({ columns: all, orderBy: ['-id'], split: { rows: 2 } }))
    expect(delivered.faults).toEqual([])
    expect(delivered.paths.map(shapeOf)).toEqual([2, 1].map((height) => ({ height, width: EVERY_TYPE.length + 2 })))
  })
})

test('a workbook is not split', () => {
  const split = { contract: tableContract({ columns, orderBy: ['id'] }), split: { rows: 1 } }
  expect(() => excel('rows.xlsx', split)).toThrow('export "rows.xlsx": split is no option of xlsx')
})
