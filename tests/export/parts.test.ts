import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { SplitRows } from '../../lib/export/contract/table-contract.ts'
import { cutAtEnds } from '../../lib/export/write/in-parts.ts'
import { type Part, partsOf } from '../../lib/export/write/parts.ts'
import { lent } from '../kit/lent.ts'

/** Parts of rows of these sizes, in files that have so much beside them, and how often one was made. */
async function parts(sizes: readonly number[], split: SplitRows, beside = 0) {
  let last: string | undefined
  let made = 0
  const all: Part[] = []
  const make = async (from: number, to: number) => {
    last = `${from}-${to}`
    made++
    return sizes.slice(from, to).reduce((sum, size) => sum + size, beside)
  }
  for await (const part of partsOf(sizes.length, split, make)) {
    expect(last).toBe(`${part.from}-${part.to}`)
    all.push(part)
  }
  return { all, made }
}

const rowsOf = ({ all }: { readonly all: readonly Part[] }) => all.map(({ from, to }) => to - from)

test('partsOf gives each file so many rows, and the last one the rest', async () => {
  const seven = [1, 1, 1, 1, 1, 1, 1]
  expect(rowsOf(await parts(seven, { rows: 3 }))).toEqual([3, 3, 1])
  expect(rowsOf(await parts(seven, { rows: 7 }))).toEqual([7])
  expect(rowsOf(await parts(seven, { rows: 8 }))).toEqual([7])
  expect(rowsOf(await parts([], { rows: 3 }))).toEqual([0])
})

test('partsOf makes files that are nearly full, most of them at once', async () => {
  const { all, made } = await parts(Array(200_000).fill(10), { bytes: 100_000 }, 500)
  for (const { bytes } of all.slice(0, -1)) expect(bytes).toBeGreaterThanOrEqual(90_000)
  expect(all).toHaveLength(21)
  expect(made).toBeLessThan(all.length + 5)
})

test('partsOf takes all rows that fit exactly as one file', async () => {
  expect(rowsOf(await parts([40, 30, 20], { bytes: 100 }, 10))).toEqual([3])
  expect(rowsOf(await parts([], { bytes: 10 }, 10))).toEqual([0])
  expect(rowsOf(await parts(Array(1040).fill(10), { bytes: 10_400 }))).toEqual([1040])
  expect(rowsOf(await parts(Array(1040).fill(10), { bytes: 10_399 }))).toEqual([1000, 40])
})

test('partsOf gives a row that is larger than the limit a file of its own', async () => {
  expect(rowsOf(await parts([10, 10, 500, 10, 10], { bytes: 50 }, 20))).toEqual([2, 1, 2])
  expect(rowsOf(await parts([500], { bytes: 50 }, 20))).toEqual([1])
})

test('partsOf refuses a limit that a file without rows is beyond', async () => {
  for (const sizes of [[], [1], [1, 1, 1]])
    await expect(parts(sizes, { bytes: 50 }, 51)).rejects.toMatchObject({
      name: 'ConfigError',
      message: 'contract split {"bytes":50} cannot be kept: a file of these columns has 51 bytes without a row',
    })
})

test('partsOf goes on where it ended, and keeps the limit, whatever the rows', async () => {
  const size = fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 5000 }))
  await fc.assert(
    fc.asyncProperty(fc.array(size, { maxLength: 300 }), fc.integer({ min: 30, max: 3000 }), async (sizes, bytes) => {
      const { all, made } = await parts(sizes, { bytes }, 30)
      expect(all.map(({ from }) => from)).toEqual([0, ...all.slice(0, -1).map(({ to }) => to)])
      expect(all.at(-1)?.to).toBe(sizes.length)
      for (const part of all) if (part.to - part.from > 1) expect(part.bytes).toBeLessThanOrEqual(bytes)
      expect(made).toBeLessThan(20 * all.length + 20)
    }),
  )
})

test('cutAtEnds cuts files where they end, however they come in chunks', async () => {
  for (const size of [1, 3, 100]) {
    const seen: string[] = []
    let text = ''
    for await (const piece of cutAtEnds(
      lent(Buffer.from('abcdefghij'), size),
      [4, 1, 5].map((bytes, rows) => ({ bytes, rows })),
    )) {
      if (piece instanceof Uint8Array) text += Buffer.from(piece).toString()
      else {
        seen.push(`${text} ${piece.rows}`)
        text = ''
      }
    }
    expect(seen).toEqual(['abcd 0', 'e 1', 'fghij 2'])
  }
})
