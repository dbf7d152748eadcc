import { expect, it } from 'vitest'
import { together } from '../../lib/core/together.ts'

/** Work that notes its batches, and fails of those that hold a negative number. */
function doubling() {
  const batches: (readonly number[])[] = []
  let atWork = 0
  return {
    batches,
    work: async (asked: readonly number[]) => {
      if (++atWork > 1) throw new RangeError('two at a time')
      batches.push(asked)
      await new Promise((resolve) => setTimeout(resolve, 5))
      atWork--
      const bad = asked.find((each) => each < 0)
      if (bad !== undefined) throw new Error(`cannot do ${bad}`)
      return asked.map((each) => each * 2)
    },
  }
}

it('together does what is asked for at the same time in one go, in order, and what comes meanwhile next', async () => {
  const { batches, work } = doubling()
  const ask = together(3, work)
  const first = [1, 2, 3, 4].map(ask)
  await first[0]
  const later = [5, 6, 7].map(ask)
  expect(await Promise.all([...first, ...later])).toEqual([2, 4, 6, 8, 10, 12, 14])
  expect(batches).toEqual([[1, 2, 3], [4, 5, 6], [7]])
})

it('together does a batch that fails one by one, so that each failure is its own', async () => {
  const { batches, work } = doubling()
  const ask = together(8, work)
  const settled = await Promise.allSettled([1, -2, 3].map(ask))
  expect(settled.map((each) => (each.status === 'fulfilled' ? each.value : (each.reason as Error).message))).toEqual([2, 'cannot do -2', 6])
  expect(batches).toEqual([[1, -2, 3], [1], [-2], [3]])
  expect(await ask(4)).toBe(8)
})
