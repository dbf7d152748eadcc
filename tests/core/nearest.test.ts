import { expect, test } from 'vitest'
import { didYouMean, nearest } from '../../lib/core/nearest.ts'

test.each([
  ['stauts', ['run', 'status', 'show'], 'status'],
  ['rnu', ['run', 'status'], 'run'],
  ['Partition', ['partition'], 'partition'],
  ['xyz', ['run', 'status'], undefined],
  ['', ['run'], undefined],
] as const)('nearest to %j', (name, candidates, expected) => {
  expect(nearest(name, candidates)).toBe(expected)
})

test('didYouMean is empty where nothing is near', () => {
  expect(didYouMean('plam', ['plan'])).toBe('; did you mean "plan"?')
  expect(didYouMean('qqq', ['plan'])).toBe('')
})
