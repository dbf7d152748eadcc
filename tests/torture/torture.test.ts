import { expect, test } from 'vitest'
import { shortForm } from './short-form.ts'

test('runs that are killed leave what an unkilled run leaves', { timeout: 600_000 }, async () => {
  const { code, results, stderr } = await shortForm('torture.ts', 'random,targeted')
  const trials = results.flatMap((part) => part.trials)
  expect(
    trials.filter(({ faults }) => faults.length > 0),
    stderr,
  ).toEqual([])
  expect(results.map(({ name }) => name)).toEqual(['random', 'targeted'])
  expect(trials.flatMap(({ kills }) => kills).length).toBeGreaterThan(4)
  expect(code).toBe(0)
})
