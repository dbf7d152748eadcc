import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { tellBytesOf, tellProgress } from '../../lib/core/progress.ts'
import { temporaryFolder, testContext } from '../kit/context.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const of = { stage: 'land', dataset: 'quake' } as const

test('tellBytesOf tells the bytes of a file that grows ten times a second, and at the end what came since', () => {
  const ctx = testContext({ live: true })
  const file = join(temporaryFolder(), 'read.parquet')
  {
    using _told = tellBytesOf([file], ctx, of)
    vi.advanceTimersByTime(250)
    expect(ctx.events).toEqual([])
    for (const _ of [1, 2]) {
      appendFileSync(file, 'abc')
      vi.advanceTimersByTime(100)
    }
    appendFileSync(file, 'abc')
  }
  vi.advanceTimersByTime(1000)
  expect(ctx.events).toEqual([3, 6, 9].map((bytes) => ({ type: 'progress', ...of, bytes })))
  expect(vi.getTimerCount()).toBe(0)
})

test('tellProgress does nothing where nobody looks on, and nothing fails by it', () => {
  const look = vi.fn(() => ({ rows: 1 }))
  using _quiet = tellProgress(testContext(), of, look)
  expect(vi.getTimerCount()).toBe(0)
  const ctx = testContext({ live: true })
  using _failing = tellProgress(ctx, of, () => {
    throw new Error('gone')
  })
  vi.advanceTimersByTime(500)
  expect([look.mock.calls, ctx.events]).toEqual([[], []])
})
