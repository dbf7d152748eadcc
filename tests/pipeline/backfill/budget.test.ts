import fc from 'fast-check'
import { expect, test } from 'vitest'
import { divide, limitsBeforeWorkers } from '../../../lib/pipeline/backfill/budget.ts'

const GB = 1e9
const LIMITS = { memoryBytes: 48 * GB, threads: 16, readerMemoryBytes: 8 * GB, readerTimeoutMs: 1000 }

test('divide gives a fifth of the memory to the parent and the rest in equal parts to as many workers as threads', () => {
  const { jobs, parent, worker } = divide(LIMITS, {}, 100)
  expect(jobs).toBe(16)
  expect(parent.memoryBytes).toBe(9.6 * GB)
  expect(worker).toMatchObject({ memoryBytes: 2.4 * GB, threads: 1, readerMemoryBytes: 2.4 * GB })
})

test('divide makes fewer workers where each would have little, never more than partitions, and as many as asked', () => {
  expect(divide({ ...LIMITS, memoryBytes: 4 * GB }, {}, 100).jobs).toBe(2)
  expect(divide(LIMITS, {}, 3)).toMatchObject({ jobs: 3, worker: { threads: 5 } })
  expect(divide(LIMITS, { jobs: 32 }, 100)).toMatchObject({ jobs: 32, worker: { threads: 1 } })
  expect(divide(LIMITS, { memoryBytes: 2 * GB, threads: 4, jobs: 2 }, 100)).toMatchObject({
    ...{ memoryBytes: 2 * GB, threads: 4 },
    worker: { memoryBytes: 0.8 * GB, threads: 2 },
  })
})

test('divide refuses what is no number of workers, and memory that is too little', () => {
  expect(() => divide(LIMITS, { jobs: 0 }, 1)).toThrow('--jobs 0 must be a whole number of at least 1')
  expect(() => divide(LIMITS, { jobs: 1.5 }, 1)).toThrow('--jobs 1.5')
  expect(() => divide(LIMITS, { threads: 100_000 }, 1)).toThrow('--threads 100000 is too many: at most 1,024')
  expect(() => divide(LIMITS, { memoryBytes: GB, jobs: 100 }, 100)).toThrow(
    '--memory 1.0 GB is too little for 100 workers and the process that loads: they need at least 40.4 GB',
  )
})

test('divide keeps what is asked for or refuses it, and raises what nobody asked for to what the processes need', () => {
  const refusal = (memoryBytes: number, jobs: number) => {
    try {
      divide(LIMITS, { memoryBytes, jobs }, 100)
    } catch (error) {
      return error
    }
  }
  expect(refusal(0.6 * GB, 1)).toMatchObject({
    message: '--memory 600.0 MB is too little for one worker and the process that loads: they need at least 800.0 MB',
    hint: 'raise --memory; `millrace run` takes less: one partition after the other, in one process',
  })
  expect(refusal(1.1 * GB, 2)).toMatchObject({ hint: 'raise --memory, or lower --jobs: each worker less needs 400.0 MB less' })
  expect(divide(LIMITS, { memoryBytes: 0.8 * GB, jobs: 1 }, 100)).toMatchObject({
    memoryBytes: 0.8 * GB,
    parent: { memoryBytes: 131564544 },
  })
  expect(divide({ ...LIMITS, memoryBytes: 0.1 * GB }, { jobs: 2 }, 100)).toMatchObject({ jobs: 2, memoryBytes: 1.2 * GB })
  expect(divide({ ...LIMITS, memoryBytes: 0.1 * GB }, {}, 100)).toMatchObject({ jobs: 1, memoryBytes: 0.8 * GB })
})

test('whatever is asked, the parts are within the whole', () => {
  const whole = fc.record({ memoryBytes: fc.integer({ min: GB, max: 512 * GB }), threads: fc.integer({ min: 1, max: 128 }) })
  fc.assert(
    fc.property(whole, fc.integer({ min: 1, max: 1000 }), (options, partitions) => {
      const { jobs, parent, worker } = divide(LIMITS, options, partitions)
      expect(parent.memoryBytes + jobs * worker.memoryBytes).toBeLessThanOrEqual(options.memoryBytes)
      expect(jobs * worker.threads).toBeLessThanOrEqual(options.threads)
      expect(jobs).toBeLessThanOrEqual(partitions)
    }),
  )
})

test('before there are workers one process has the memory that was asked for, as far as the machine has it', () => {
  const before = (memoryBytes?: number, machine = 64 * GB) =>
    limitsBeforeWorkers(LIMITS, { threads: 2, ...(memoryBytes && { memoryBytes }) }, machine)
  expect(before(GB)).toEqual({ ...LIMITS, memoryBytes: 0.5 * GB, threads: 2, readerMemoryBytes: GB })
  expect(before(2 * GB)).toMatchObject({ memoryBytes: 1.3 * GB, readerMemoryBytes: 2 * GB })
  expect(before(100 * GB)).toMatchObject({ memoryBytes: 46.08 * GB, readerMemoryBytes: 8 * GB })
  expect(before(undefined, 1000 * GB)).toEqual({ ...LIMITS, threads: 2 })
})
