import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { sideBySide } from '../../lib/core/side-by-side.ts'

test('sideBySide does at most so many at a time, and gives results in order', async () => {
  let [now, most] = [0, 0]
  const results = await sideBySide(3, [5, 1, 4, 2, 3, 0], async (turns) => {
    most = Math.max(most, ++now)
    for (let i = 0; i < turns; i++) await setImmediate()
    now--
    return turns * 10
  })
  expect(results).toEqual([50, 10, 40, 20, 30, 0])
  expect(most).toBe(3)
  expect(await sideBySide(3, [], async () => 1)).toEqual([])
})

test('sideBySide begins nothing after a failure, waits for what is under way, and throws the first', async () => {
  const ended: number[] = []
  const work = async (n: number) => {
    for (let i = 0; i < n; i++) await setImmediate()
    if (n === 1) throw new Error('one')
    ended.push(n)
  }
  await expect(sideBySide(2, [3, 1, 7], work)).rejects.toThrow('one')
  expect(ended).toEqual([3])
})

test('sideBySide throws the failure of the first thing that has failed, and tells of the others', async () => {
  const others: unknown[] = []
  const work = async (n: number) => {
    for (let i = 0; i < n; i++) await setImmediate()
    throw new Error(`after ${n}`)
  }
  const done = sideBySide(3, [5, 1, 3, 0], work, (thing, failure) => others.push([thing, String(failure)]))
  await expect(done).rejects.toThrow('after 5')
  expect(others).toEqual([
    [1, 'Error: after 1'],
    [3, 'Error: after 3'],
  ])
})
