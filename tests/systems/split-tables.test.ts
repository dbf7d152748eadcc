import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { bytesOf, deliver, descending, formats, noise, rowsOf } from '../export/split-kit.ts'

describe.each(formats)('$format', (each) => {
  const { idsOf, shapeOf } = each

  test('split of fewer rows than a file has, and of none, is one file', async () => {
    for (const [rows, split] of [
      [0, { bytes: 100_000 }],
      [1, { rows: 4 }],
      [4, { rows: 4 }],
    ] as const) {
      const delivered = await deliver(noise(rows), each, { split })
      expect(delivered.faults).toEqual([])
      expect(delivered.paths.map(shapeOf)).toEqual([{ height: rows, width: 2 }])
    }
    expect((await deliver(noise(0), each, { split: { rows: 4 }, zeroRows: 'noFile' })).files).toEqual([])
  })

  test('split by bytes keeps the limit with files that are nearly full', async () => {
    const delivered = await deliver(noise(3000), each, { split: { bytes: 30_000 } })
    expect(delivered.faults).toEqual([])
    expect(delivered.paths.flatMap(idsOf)).toEqual(descending(3000))
    const bytes = bytesOf(delivered)
    expect(bytes.length).toBeGreaterThan(2)
    expect(Math.max(...bytes)).toBeLessThanOrEqual(30_000)
    expect(Math.min(...bytes.slice(0, -1))).toBeGreaterThan(24_000)
    const [last = 0] = bytes.slice(-1)
    const rest = noise(rowsOf(delivered, each).at(-1) ?? 0)
    const exact = await deliver(rest, each, { split: { bytes: last }, fileName: '{part}_{key}_{sha}' })
    expect(bytesOf(exact)).toEqual([last])
    expect(exact.files[0]).toMatch(/^rows\/0001_/)
    expect(bytesOf(await deliver(rest, each, { split: { bytes: last - 1 } }))).toHaveLength(2)
  })

  test('split by bytes gives a row that is larger a file of its own', async () => {
    const delivered = await deliver(noise(10, 20, true), each, { split: { bytes: 20_000 } })
    expect(delivered.faults).toEqual([])
    expect(delivered.paths.map(idsOf)).toEqual([[9, 8, 7, 6], [5], [4, 3, 2, 1, 0]])
    expect(bytesOf(delivered).map((bytes) => bytes <= 20_000)).toEqual([true, false, true])
  })

  test('split gives the same files, whatever order the rows come in and however many threads write them', async () => {
    const split = { bytes: 20_000 }
    const first = await deliver(`SELECT * FROM (${noise(3000)}) ORDER BY id DESC`, each, { split }, 1)
    const second = await deliver(`SELECT * FROM (${noise(3000)}) ORDER BY hash(id)`, each, { split }, 2)
    expect(first.files.map((key) => key.slice(-20))).toEqual(second.files.map((key) => key.slice(-20)))
    expect(first.paths.map((path) => readFileSync(path))).toEqual(second.paths.map((path) => readFileSync(path)))
  })
})
