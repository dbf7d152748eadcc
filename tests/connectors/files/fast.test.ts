import { describe, expect, it } from 'vitest'
import { testContext } from '../../kit/context.ts'
import { errorOf, folderOf, landFiles, sourceOf, useReader } from './kit.ts'

const reader = useReader()
const ROWS = 40_000
const columns = {
  id: 'int64',
  small: 'uint8',
  price: 'decimal(9,2)',
  day: 'date',
  at: 'timestamp',
  ratio: 'float64',
  name: 'text',
} as const

/** Some 2 MB of CSV, enough for the quicker way; `change` writes one row anew. */
function csv(change: (row: string[], i: number) => void = () => undefined): string {
  const lines = ['id,small,price,day,at,ratio,name']
  for (let i = 0; i < ROWS; i++) {
    const day = new Date(Date.UTC(2001, 0, 1 + (i % 3000))).toISOString().slice(0, 10)
    const row = [String(i), String(i % 256), (i / 8).toFixed(2), day, `${day} 04:05:06`, String(i / 16), `name ${i}`]
    change(row, i)
    lines.push(row.join(','))
  }
  return `${lines.join('\n')}\n`
}

const relationOf = async (text: string) =>
  sourceOf(await folderOf({ 'x.csv': text }), reader()).read(
    { dataset: 'd', request: { method: 'files', paths: ['x.csv'] }, columns },
    testContext(),
  )

/** The last row that lands. */
const lastOf = async (text: string) => {
  const request = { kind: { by: 'cursor', column: 'id' }, from: String(ROWS - 1) } as const
  return (await landFiles(await folderOf({ 'x.csv': text }), columns, reader(), { request })).at(-1)
}

describe('the quicker ways through a big CSV file', () => {
  it('are offered with the declared types, and with those that a double or a timestamp proves, and give the same rows', async () => {
    const { fast, raw } = await relationOf(csv())
    expect(fast?.map(({ raw }) => raw)).toEqual([
      columns,
      { id: 'float64', small: 'float64', price: 'float64', day: 'timestamp', at: 'text', ratio: 'text', name: 'text' },
    ])
    expect(new Set(Object.values(raw))).toEqual(new Set(['text']))
    expect(await lastOf(csv())).toEqual({
      id: '39999',
      small: '63',
      price: '4999.88',
      day: '2003-09-27',
      at: '2003-09-27 04:05:06',
      ratio: '2499.9375',
      name: 'name 39999',
    })
  })

  it('are not offered for a small file, nor where every column comes as text anyway', async () => {
    expect((await relationOf('id,small,price,day,at,ratio,name\n')).fast).toBeUndefined()
    const source = sourceOf(await folderOf({ 'x.csv': csv() }), reader())
    const relation = await source.read(
      { dataset: 'd', request: { method: 'files', paths: ['x.csv'] }, columns: { name: 'text' } },
      testContext(),
    )
    expect(relation.fast).toBeUndefined()
  })

  const withValue = (at: number, column: number, value: string) =>
    csv((row, i) => {
      if (i === at) row[column] = value
    })
  const last = (column: number, value: string) => withValue(ROWS - 1, column, value)
  const spoilt = (column: number, value: string) => withValue(20_000, column, value)

  it.each([
    [0, '9223372036854775807', 'id'],
    [0, '1000000000000000007', 'id'],
    [2, '-0.5', 'price'],
    [4, '2001-02-03T04:05:06.000001', 'at'],
    [2, '1.2300000000000000', 'price'],
    [5, '0.30000000000000004', 'ratio'],
    [3, '2001/02/03', 'day'],
    [0, '4e5', 'id'],
    // Fifteen digits, yet not one of the doubles beyond 2^53.
    [0, '123456789012345e3', 'id'],
    [1, '7.0', 'small'],
  ])('column %i: %s lands as it is', async (column, value, name) => {
    const expected: Readonly<Record<string, string>> = {
      '1.2300000000000000': '1.23',
      '2001/02/03': '2001-02-03',
      '4e5': '400000',
      '123456789012345e3': '123456789012345000',
      '7.0': '7',
      '-0.5': '-0.50',
      '2001-02-03T04:05:06.000001': '2001-02-03 04:05:06.000001',
    }
    expect((await lastOf(last(column, value)))?.[name]).toBe(expected[value] ?? value)
  })

  it.each([
    [0, '1.5', 'id', 'an int64'],
    [0, '1.00000000000000000001', 'id', 'an int64'],
    [1, '256', 'small', 'a uint8'],
    [1, 'nan', 'small', 'a uint8'],
    [2, '1.239', 'price', 'a decimal(9,2)'],
    [2, '1.23000000000000000001', 'price', 'a decimal(9,2)'],
    [2, '1e-3', 'price', 'a decimal(9,2)'],
    [3, '2001-02-03 04:05', 'day', 'a date'],
    [3, '2001-02-03abc', 'day', 'a date'],
    [4, '2001-02-03 04:05:06Z', 'at', 'a timestamp'],
    [5, '1e999', 'ratio', 'a float64'],
  ])('column %i: %s is refused by file, row and value', async (column, value, name, type) => {
    const error = await errorOf(landFiles(await folderOf({ 'x.csv': spoilt(column, value) }), columns, reader()))
    expect(error).toMatchObject({
      kind: 'CheckError',
      message: `column "${name}" row 20001 of x.csv: ${JSON.stringify(value)} is not ${type}`,
      column: name,
      row: 20_001,
      value,
    })
  })
})
