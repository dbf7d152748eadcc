import { expect, test } from 'vitest'
import { shortForm, twinsOf } from './short-form.ts'

test('runs that are killed leave what an unkilled run leaves, and broken twins are caught', { timeout: 600_000 }, async () => {
  const { code, results, stderr } = await shortForm('torture.ts', 'random,targeted,operations,twins')
  const trials = results.flatMap((part) => part.trials)
  expect(
    trials.filter(({ faults }) => faults.length > 0),
    stderr,
  ).toEqual([])
  expect(results.map(({ name }) => name)).toEqual(['random', 'targeted', 'operations', 'twins'])
  expect(trials.flatMap(({ kills }) => kills).length).toBeGreaterThan(8)
  expect(twinsOf(results)).toEqual([
    'manifest before data, landing',
    'manifest before data, export',
    'cursor saved first',
    "FIFO's end of file taken for success",
  ])
  expect(code).toBe(0)
})
