import { readFileSync, statSync } from 'node:fs'
import { tableFromIPC } from 'apache-arrow'
import pl from 'nodejs-polars'
import { describe, expect, test } from 'vitest'
import type { Columns } from '../../lib/core/dataset.ts'
import { arrow, type Export, excel, parquet } from '../../lib/export/contract/export.ts'
import { type SplitRows, type TableContractOptions, tableContract } from '../../lib/export/contract/table-contract.ts'
import { EVERY_TYPE, everyColumn, everySelect } from './every-type.ts'
import { type DeliveredFile, deliverSelect } from './table-kit.ts'

const columns = { id: 'int32', text: 'text' } as const

type Options = Partial<TableContractOptions<Columns>> & { readonly split?: SplitRows }

/** Files of rows with descending ids, as a format makes them, and what a reader that is not the writer finds in one. */
interface Format {
  readonly format: string
  readonly target: (options: Options) => Export<never>
  readonly idsOf: (path: string) => readonly number[]
  readonly shapeOf: (path: string) => { readonly height: number; readonly width: number }
}

const made = ({ split, ...more }: Options) => ({
  contract: tableContract<Columns>({ columns, orderBy: ['-id'], ...more }),
  ...(split && { split }),
})

const formats: readonly Format[] = [
  {
    format: 'parquet',
    target: (options) => parquet('rows', made(options)),
    idsOf: (path) => pl.readParquet(path).getColumn('id').toArray().map(Number),
    shapeOf: (path) => pl.readParquet(path).shape,
  },
  {
    format: 'arrow',
    target: (options) => arrow('rows', made(options)),
    idsOf: (path) => Array.from<number>(tableFromIPC(readFileSync(path)).getChild('id')?.toArray() ?? []),
    shapeOf: (path) => pl.readIPC(readFileSync(path)).shape,
  },
]

/** Rows of about `32 * times` bytes that nothing compresses, and one, of id 5, that is 4000 times as long. */
const noise = (rows: number, times = 1, long = false) =>
  `SELECT a::INTEGER AS id, string_agg(md5(a || '-' || b), '' ORDER BY b) AS text FROM range(${rows}) AS r(a), range(${long ? 4000 : times}) AS s(b) WHERE ${long ? `b < ${times} OR a = 5` : 'true'} GROUP BY a`

const descending = (rows: number) => Array.from({ length: rows }, (_, i) => rows - 1 - i)
const bytesOf = ({ paths }: DeliveredFile) => paths.map((path) => statSync(path).size)

describe.each(formats)('$format', ({ format, target, idsOf, shapeOf }) => {
  const deliver = (select: string, options: Options, threads?: number) => deliverSelect(columns, select, target(options), threads)
  const rowsOf = ({ paths }: DeliveredFile) => paths.map((path) => idsOf(path).length)

  test('split by rows is whole files of so many rows in order, the last one of the rest', async () => {
    const delivered = await deliver(noise(10), { split: { rows: 4 } })
    expect(delivered.faults).toEqual([])
    expect(delivered.files.map((key) => key.replaceAll(/[0-9a-f]{8,}/g, '…'))).toEqual([1, 2, 3].map((n) => `rows/…-000${n}-….${format}`))
    expect(delivered.paths.map(idsOf)).toEqual([
      [9, 8, 7, 6],
      [5, 4, 3, 2],
      [1, 0],
    ])
  })

  test('split of fewer rows than a file has, and of none, is one file', async () => {
    for (const [rows, split] of [
      [0, { bytes: 100_000 }],
      [1, { rows: 4 }],
      [4, { rows: 4 }],
    ] as const) {
      const delivered = await deliver(noise(rows), { split })
      expect(delivered.faults).toEqual([])
      expect(delivered.paths.map(shapeOf)).toEqual([{ height: rows, width: 2 }])
    }
    expect((await deliver(noise(0), { split: { rows: 4 }, zeroRows: 'noFile' })).files).toEqual([])
  })

  test('split by bytes keeps the limit with files that are nearly full', async () => {
    const delivered = await deliver(noise(6000), { split: { bytes: 50_000 } })
    expect(delivered.faults).toEqual([])
    expect(delivered.paths.flatMap(idsOf)).toEqual(descending(6000))
    const bytes = bytesOf(delivered)
    expect(bytes.length).toBeGreaterThan(2)
    expect(Math.max(...bytes)).toBeLessThanOrEqual(50_000)
    expect(Math.min(...bytes.slice(0, -1))).toBeGreaterThan(40_000)
    const [last = 0] = bytes.slice(-1)
    const rest = noise(rowsOf(delivered).at(-1) ?? 0)
    const exact = await deliver(rest, { split: { bytes: last }, fileName: '{part}_{key}_{sha}' })
    expect(bytesOf(exact)).toEqual([last])
    expect(exact.files[0]).toMatch(/^rows\/0001_/)
    expect(bytesOf(await deliver(rest, { split: { bytes: last - 1 } }))).toHaveLength(2)
  })

  test('split by bytes gives a row that is larger a file of its own', async () => {
    const delivered = await deliver(noise(10, 20, true), { split: { bytes: 20_000 } })
    expect(delivered.faults).toEqual([])
    expect(delivered.paths.map(idsOf)).toEqual([[9, 8, 7, 6], [5], [4, 3, 2, 1, 0]])
    expect(bytesOf(delivered).map((bytes) => bytes <= 20_000)).toEqual([true, false, true])
  })

  test('split by fewer bytes than a file has without rows is refused', async () => {
    await expect(deliver(noise(3), { split: { bytes: 100 } })).rejects.toMatchObject({
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

  test('split gives the same files, whatever order the rows come in and however many threads write them', async () => {
    const split = { bytes: 20_000 }
    const first = await deliver(`SELECT * FROM (${noise(3000)}) ORDER BY id DESC`, { split }, 1)
    const second = await deliver(`SELECT * FROM (${noise(3000)}) ORDER BY hash(id)`, { split }, 2)
    expect(first.files.map((key) => key.slice(-20))).toEqual(second.files.map((key) => key.slice(-20)))
    expect(first.paths.map((path) => readFileSync(path))).toEqual(second.paths.map((path) => readFileSync(path)))
  })
})

test('a workbook is not split', () => {
  const split = { contract: tableContract({ columns, orderBy: ['id'] }), split: { rows: 1 } }
  expect(() => excel('rows.xlsx', split)).toThrow('export "rows.xlsx": split is no option of xlsx')
})
