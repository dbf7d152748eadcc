import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { halvesAt, halvesOf } from '../../../lib/connectors/postgres/halves.ts'
import { temporaryFolder } from '../../kit/context.ts'
import { datasetOf } from '../../kit/dataset.ts'
import { connectToTestEngine } from '../../kit/engine.ts'

const { signal } = new AbortController()
const NUMBERS = { id: 'int64' }

/** First and last row, and how many, of each half of files with these ranges, in the files' order. */
async function halvesOfRanges(ranges: readonly (readonly [number, number])[], groupRows = 2048) {
  const folder = temporaryFolder()
  const datasets = await Promise.all(
    ranges.map(([from, to]) => datasetOf(folder, 'numbers', NUMBERS, `SELECT range AS id FROM range(${from}, ${to})`, groupRows)),
  )
  const files = datasets.flatMap((each) => each.files)
  const rows = datasets.reduce((sum, each) => sum + each.rows, 0)
  const db = await connectToTestEngine()
  try {
    const halves = await halvesOf(db, { columns: NUMBERS, files, rows }, signal)
    const seen = halves?.map(async ({ relation, before }) => {
      const [row] = await db.meta(
        `SELECT count(*) AS n, min(id) AS least, max(id) AS most, count(DISTINCT id) AS different FROM (${relation})`,
      )
      expect(row?.different).toBe(row?.n)
      return [Number(row?.least), Number(row?.most), Number(row?.n), before]
    })
    return seen && (await Promise.all(seen))
  } finally {
    db.close()
  }
}

test('halvesOf cuts where a row group begins, in the middle of all files', async () => {
  expect(await halvesOfRanges([[0, 10_000]])).toEqual([
    [0, 4095, 4096, 0],
    [4096, 9999, 5904, 4096],
  ])
  expect(
    await halvesOfRanges([
      [0, 3000],
      [3000, 3000],
      [3000, 9000],
      [9000, 10_000],
    ]),
  ).toEqual([
    [0, 5047, 5048, 0],
    [5048, 9999, 4952, 5048],
  ])
  expect(
    await halvesOfRanges([
      [0, 1000],
      [1000, 2000],
    ]),
  ).toEqual([
    [0, 999, 1000, 0],
    [1000, 1999, 1000, 1000],
  ])
})

test('halvesOf gives none where one half would have nearly all, or a column is called as the rows’ places are', async () => {
  expect(await halvesOfRanges([[0, 2000]])).toBeUndefined()
  expect(await halvesOfRanges([[0, 0]])).toBeUndefined()
  expect(
    await halvesOfRanges(
      [
        [0, 1000],
        [1000, 9000],
      ],
      8192,
    ),
  ).toBeUndefined()
  const folder = temporaryFolder()
  const columns = { File_Row_Number: 'int64' }
  const dataset = await datasetOf(folder, 'numbers', columns, 'SELECT range AS File_Row_Number FROM range(9000)', 2048)
  const db = await connectToTestEngine()
  expect(await halvesOf(db, dataset, signal)).toBeUndefined()
  db.close()
})

test('halvesOf takes files whose names hold what patterns are made of', async () => {
  const folder = temporaryFolder()
  const { files, ...dataset } = await datasetOf(folder, 'numbers', NUMBERS, 'SELECT range AS id FROM range(9000)', 2048)
  const odd = join(folder, "it's 1.parquet")
  await rename(files[0] ?? '', odd)
  const db = await connectToTestEngine()
  expect(await halvesOf(db, { ...dataset, files: [odd] }, signal)).toEqual(halvesAt(NUMBERS, [odd], { file: 0, row: 4096, before: 4096 }))
  db.close()
})
