import { expect, test } from 'vitest'
import { shortForm } from './short-form.ts'

test('runs that are killed, refused by the disk, cut off or doubled leave what an unkilled run leaves, and broken twins are caught', {
  timeout: 600_000,
}, async () => {
  const { code, results, stderr } = await shortForm('torture.ts', 'random,targeted,operations,eio,twins,power,signals')
  const trials = results.flatMap((part) => part.trials)
  expect(
    trials.filter(({ faults }) => faults.length > 0),
    stderr,
  ).toEqual([])
  expect(results.map(({ name }) => name)).toEqual(['random', 'targeted', 'operations', 'eio', 'twins', 'power', 'signals'])
  expect(trials.flatMap(({ kills }) => kills).length).toBeGreaterThan(8)
  const twins = trials
    .filter(({ name }) => name.startsWith('twin: '))
    .map(({ name }) => name.slice('twin: '.length, name.indexOf(', caught by')))
  expect(twins).toEqual([
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
