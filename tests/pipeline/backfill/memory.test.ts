import fc from 'fast-check'
import { expect, onTestFinished, test, vi } from 'vitest'
import { afterAttempt } from '../../../lib/pipeline/backfill/attempts.ts'
import { divide } from '../../../lib/pipeline/backfill/budget.ts'
import { historyOf } from '../../../lib/pipeline/backfill/history.ts'
import { memoryBudget } from '../../../lib/pipeline/backfill/memory-budget.ts'
import { guardMemory } from '../../../lib/pipeline/backfill/memory-guard.ts'
import { memoryPlan, runForecast } from '../../../lib/pipeline/backfill/memory-plan.ts'
import type { CellRow } from '../../../lib/state/ledger-rows.ts'

const GB = 1e9
const limits = { memoryBytes: 4 * GB, threads: 4, readerMemoryBytes: GB, readerTimeoutMs: 1000 }

test('memoryBudget stays within the machine, and gives each worker a share that leaves room for the process itself', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 512 }),
      fc.integer({ min: 1, max: 64 }),
      fc.integer({ min: 8, max: 512 }),
      (gigabytes, jobs, machine) => {
        const budget = divide(limits, { memoryBytes: gigabytes * GB, threads: 64, jobs: Math.min(jobs, gigabytes * 2 - 1) }, 1000)
        const memory = memoryBudget(budget, machine * GB)
        expect(memory.wholeBytes).toBeLessThanOrEqual(Math.min(gigabytes, machine * 0.9) * GB)
        expect(memory.shareBytes * budget.jobs).toBeLessThanOrEqual(memory.workersBytes)
        expect(memory.workersBytes).toBeLessThan(memory.wholeBytes)
        expect(memory.worker.memoryBytes).toBeLessThanOrEqual(budget.worker.memoryBytes)
        expect(memory.alone.memoryBytes).toBeGreaterThanOrEqual(memory.worker.memoryBytes)
      },
    ),
  )
})

function guarded(held: Record<number, number>, whole: number) {
  const killed: number[] = []
  vi.useFakeTimers()
  const guard = guardMemory(whole, 100, { held: (pid) => held[pid] ?? 0, kill: (pid) => killed.push(pid) })
  onTestFinished(() => {
    guard[Symbol.dispose]()
    vi.useRealTimers()
  })
  return { guard, killed, look: () => vi.advanceTimersByTime(100) }
}

test('guardMemory ends the one that exceeds its forecast most, once all hold too much', () => {
  const held = { [process.pid]: 10, 1: 6, 2: 5 }
  const { guard, killed, look } = guarded(held, 10)
  const [first, second] = [guard.watch(1, 6), guard.watch(2, 1)]
  look()
  expect(killed).toEqual([])
  held[process.pid] = 11
  look()
  look()
  expect(killed).toEqual([2])
  expect(second()).toBe('it held 5 B where 1 B were reckoned with, and all processes together more than 10 B')
  expect(first()).toBeUndefined()
})

test('guardMemory lets one be that works alone', () => {
  const { guard, killed, look } = guarded({ [process.pid]: 99, 1: 99 }, 10)
  const left = guard.watch(1, 6)
  look()
  expect([killed, left()]).toEqual([[], undefined])
})

const tried = { pipeline: 'p', partition: 'x', attempt: 1, held: 0, alone: false, ms: 1 }
const failed = (message: string) => ({
  ...{ type: 'ended' as const, staged: [], pinned: [] },
  report: {
    partition: 'x',
    outcome: 'failed' as const,
    ms: 1,
    steps: [],
    rssBytes: 0,
    error: { kind: 'PermanentError', message, exitCode: 1 },
  },
})

test('what came to its end by memory is tried again alone, once', () => {
  const words = 'FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory'
  expect(afterAttempt(tried, { how: 'SIGKILL', words: '', memory: 'it held 5 B' }, 3)).toMatchObject({
    ...{ again: true, alone: true, counts: true, reason: 'it held 5 B; it is tried again alone' },
  })
  expect(afterAttempt(tried, { how: 'SIGABRT', words }, 3)).toMatchObject({ again: true, alone: true })
  expect(afterAttempt(tried, { how: 'SIGKILL', words: '' }, 3)).not.toHaveProperty('alone')
  const limit = failed("DuckDB's memory limit is too small for it: Out of Memory Error: failed to pin block")
  expect(afterAttempt(tried, limit, 3)).toMatchObject({ again: true, alone: true })
  expect(afterAttempt({ ...tried, alone: true, attempt: 2 }, limit, 3)).toMatchObject({ again: false })
  expect(afterAttempt(tried, limit, 1)).toMatchObject({ again: false })
  expect(afterAttempt(tried, failed('the shop is closed'), 3)).toMatchObject({ again: false })
})

test('what has too little memory alone says why, and that less at once is no help', () => {
  const memory = 'the kernel ended processes for want of memory'
  const { report } = afterAttempt({ ...tried, alone: true, attempt: 3 }, { how: 'SIGKILL', words: '', memory }, 3)
  expect(report.error).toMatchObject({
    message: 'the worker at work on it died 3 times (SIGKILL): the kernel ended processes for want of memory',
    hint: expect.stringContaining('it ran alone'),
  })
})

const cell = (partition: string, stage: string, more: Partial<CellRow>): CellRow => ({
  ...{ pipeline: 'p', partition, stage, dataset: 'd', target: '', outcome: 'done', at: '2026-01-01', run: 'r', attempts: 1 },
  ...more,
})

test('historyOf learns sizes from what landed, and nothing of time where something failed', () => {
  const { made, sizeOf } = historyOf([
    cell('', 'land', { bytes: 9, ms: 1 }),
    cell('b', 'land', { bytes: 5, ms: 100, at: '2026-01-02' }),
    cell('a', 'land', { bytes: 5, ms: 100, peakBytes: 7 }),
    cell('a', 'export', { bytes: 3, ms: 400, peakBytes: 9 }),
    cell('c', 'land', { bytes: 6, ms: 100 }),
    cell('c', 'load', { outcome: 'failed', ms: 1 }),
  ])
  expect(made).toMatchObject([
    { partition: 'a', sizeBytes: 5, seconds: 0.5, bytesDelivered: 3, peakBytes: 9 },
    { partition: 'b', sizeBytes: 5, seconds: 0.1, bytesDelivered: 0 },
  ])
  expect([sizeOf('c'), sizeOf('z')]).toEqual([6, undefined])
})

test('memoryPlan forecasts a backfill as its lanes run it, runForecast one after the other', () => {
  const cells = ['a', 'b', 'c', 'd'].map((name) => cell(name, 'land', { bytes: 5, ms: 2000, peakBytes: GB }))
  const plan = memoryPlan(divide(limits, { memoryBytes: 8 * GB, jobs: 2 }, 4), cells, 64 * GB)
  expect(plan.total(['a', 'b', 'c', 'd'])).toMatchObject({ partitions: 4, seconds: 4, bytesWritten: 0, from: '4 partitions' })
  expect(memoryPlan(divide(limits, { memoryBytes: 8 * GB, jobs: 2 }, 4), cells, 64 * GB, 0.5).total(['a', 'b', 'c'])?.seconds).toBe(4.5)
  expect(plan.total(['a', 'b'])?.peakBytes).toBe(2 * GB + 256 * 2 ** 20)
  // What has not landed is written, too.
  expect(plan.total(['a', 'new'])).toMatchObject({ partitions: 2, bytesWritten: 5 })
  expect(runForecast(cells, ['a', 'b'])).toMatchObject({ seconds: 4, peakBytes: GB })
  expect(memoryPlan(divide(limits, {}, 4), [], 64 * GB).total(['a'])).toBeUndefined()
})
