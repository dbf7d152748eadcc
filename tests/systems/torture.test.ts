import { expect, test } from 'vitest'
import { shortForm, twinsOf } from '../torture/short-form.ts'

test('runs that are killed at a disk operation, that the disk refuses, that are cut off, doubled or paused leave what an untouched run leaves, and broken twins are caught', {
  timeout: 900_000,
}, async () => {
  const { code, results, stderr } = await shortForm('torture.ts', 'operations,eio,twins,power,decisions,signals')
  const trials = results.flatMap((part) => part.trials)
  expect(
    trials.filter(({ faults }) => faults.length > 0),
    stderr,
  ).toEqual([])
  expect(results.map(({ name }) => name)).toEqual(['operations', 'eio', 'twins', 'power', 'decisions', 'signals'])
  expect(twinsOf(results)).toEqual([
    'manifest before data, landing',
    'manifest before data, export',
    'cursor saved first',
    "FIFO's end of file taken for success",
    'no syncFile, no syncFolder',
    'no syncFile',
    'no syncFolder',
  ])
  expect(code).toBe(0)
})
