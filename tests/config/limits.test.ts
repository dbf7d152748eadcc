import { expect, test } from 'vitest'
import { limitsOf, thisMachine } from '../../lib/config/limits.ts'
import { bytesOf } from '../../lib/config/units.ts'

const machine = { memoryBytes: 10e9, threads: 8 }

test('limitsOf takes what is not given from the machine', () => {
  expect(limitsOf({}, 'config profile "dev"', { environment: {}, machine })).toEqual({
    memoryBytes: 6e9,
    threads: 8,
    readerMemoryBytes: 2.5e9,
    readerTimeoutMs: 3_600_000,
  })
  expect(limitsOf({}, '', { environment: {}, machine: { memoryBytes: 1e9, threads: 1 } }).readerMemoryBytes).toBe(512e6)
})

test('limitsOf takes the environment before the settings', () => {
  const environment = { MILLRACE_MEMORY: '256MiB', MILLRACE_THREADS: '2' }
  expect(limitsOf({ memory: '4GB', threads: 5 }, '', { environment, machine })).toMatchObject({
    memoryBytes: Math.floor(256 * 2 ** 20 * 0.8),
    threads: 2,
    readerMemoryBytes: 512e6,
  })
  expect(
    limitsOf({ memory: '4GB', threads: 5 }, '', { environment: { MILLRACE_MEMORY: '', MILLRACE_THREADS: '' }, machine }),
  ).toMatchObject({
    memoryBytes: 3.2e9,
    threads: 5,
  })
})

test('limitsOf takes the command line before the environment, and keeps the reader below it too', () => {
  const environment = { MILLRACE_MEMORY: '256MiB', MILLRACE_THREADS: '2' }
  const given = { memory: '2GB', threads: '3' }
  expect(limitsOf({ memory: '4GB', threads: 5 }, '', { given, environment, machine })).toMatchObject({
    memoryBytes: 1.6e9,
    threads: 3,
    readerMemoryBytes: 2e9,
  })
})

test.each([
  [{ memory: 'lots' }, '--memory is not an amount of memory: "lots"; expected a number with MB, GB, MiB or GiB, as "4GB"'],
  [{ memory: '64MB' }, '--memory is too little memory: "64MB"; a run needs at least "128MB"'],
  [{ threads: 'two' }, '--threads is not a number of threads: "two"; expected a whole number from 1'],
  [{ threads: '0' }, '--threads is not a number of threads: "0"; expected a whole number from 1'],
])('limitsOf refuses %j', (given, message) => {
  expect(() => limitsOf({}, '', { given, environment: {}, machine })).toThrow(message)
})

test('limitsOf names the variable or the setting that is wrong', () => {
  expect(() => limitsOf({}, '', { environment: { MILLRACE_MEMORY: 'lots' }, machine })).toThrow(
    'MILLRACE_MEMORY is not an amount of memory: "lots"',
  )
  expect(() => limitsOf({}, '', { environment: { MILLRACE_THREADS: '1.5' }, machine })).toThrow(
    'MILLRACE_THREADS is not a number of threads: "1.5"',
  )
  expect(() => limitsOf({ readerTimeout: 'soon' }, 'config profile "dev"', { environment: {}, machine })).toThrow(
    /^config profile "dev": limits\.readerTimeout is not a duration: "soon"/,
  )
})

test('thisMachine has memory and threads', () => {
  expect(thisMachine().memoryBytes).toBeGreaterThan(100e6)
  expect(thisMachine().threads).toBeGreaterThanOrEqual(1)
})

test.each([
  ['512MB', 512e6],
  ['1.5 GB', 1.5e9],
  ['4GiB', 4 * 2 ** 30],
  ['100 kb', 100_000],
])('bytesOf %s', (text, bytes) => expect(bytesOf(text, 'x')).toBe(bytes))

test.each(['', '4', 'GB', '-1GB', '0MB', '4 GBs', '1e9B'])('bytesOf refuses %j', (text) => {
  expect(() => bytesOf(text, 'x')).toThrow('x is not an amount of memory')
})
