import { expect, test } from 'vitest'
import { formatBytes, formatCount, formatDuration, formatRows } from '../../lib/observe/units.ts'

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.0 kB'],
  [34_127, '34.1 kB'],
  [999_949, '999.9 kB'],
  [999_950, '1.0 MB'],
  [1_234_567_890, '1.2 GB'],
  [5e15, '5000.0 TB'],
])('formatBytes of %d', (bytes, text) => expect(formatBytes(bytes)).toBe(text))

test.each([
  [0, '0 ms'],
  [340.4, '340 ms'],
  [999.6, '1.0 s'],
  [3210, '3.2 s'],
  [59_949, '59.9 s'],
  [59_960, '1 min 00 s'],
  [245_000, '4 min 05 s'],
  [3_599_600, '1 h 00 min'],
  [7_380_000, '2 h 03 min'],
])('formatDuration of %d', (ms, text) => expect(formatDuration(ms)).toBe(text))

test('formatRows and formatCount group thousands', () => {
  expect(formatRows(1)).toBe('1 row')
  expect(formatRows(1_234_567)).toBe('1,234,567 rows')
  expect(formatCount(999)).toBe('999')
})
