import { expect, test } from 'vitest'
import { pinnedClock } from '../../lib/core/clock.ts'
import { InterruptedError, PermanentError, TransientError } from '../../lib/core/errors.ts'
import { CircuitOpenError, retrying } from '../../lib/core/retry.ts'
import { manualClock, testContext } from '../kit/context.ts'

const failing = (times: number, error: () => Error) => {
  let calls = 0
  return {
    calls: () => calls,
    work: async (attempt: number) => {
      calls++
      expect(attempt).toBe(calls)
      if (calls <= times) throw error()
      return 'fine'
    },
  }
}

test('retrying gives what the work gives, and neither sleeps nor emits when the first try is fine', async () => {
  const clock = manualClock()
  const ctx = testContext({ clock })
  expect(await retrying(ctx, { stage: 'extract' }, async () => 7)).toBe(7)
  expect(clock.slept).toEqual([])
  expect(ctx.events).toEqual([])
})

test('retrying sleeps on the clock before each new try and emits the very delay', async () => {
  const clock = manualClock()
  const ctx = testContext({ clock })
  const { work } = failing(3, () => new TransientError('no answer'))
  expect(await retrying(ctx, { stage: 'load', dataset: 'a', initialDelayMs: 100 }, work)).toBe('fine')
  expect(clock.slept).toHaveLength(3)
  expect(ctx.events).toEqual(
    clock.slept.map((delayMs, i) => ({ type: 'retry', stage: 'load', dataset: 'a', attempt: i + 1, delayMs, reason: 'no answer' })),
  )
})

test('retrying spreads its delays around a growing scale and never beyond maxDelayMs', async () => {
  const runs = await Promise.all(
    Array.from({ length: 200 }, async () => {
      const clock = manualClock()
      const { work } = failing(6, () => new TransientError('no'))
      await retrying(testContext({ clock }), { stage: 'extract', retries: 6, initialDelayMs: 100, maxDelayMs: 2000 }, work)
      return clock.slept
    }),
  )
  const median = (n: number) => runs.map((slept) => slept[n] ?? 0).sort((a, b) => a - b)[100] ?? 0
  expect(median(3)).toBeGreaterThan(2 * median(0))
  expect(new Set(runs.map((slept) => slept[2])).size).toBeGreaterThan(50)
  expect(Math.max(...runs.flat())).toBeLessThanOrEqual(2000)
})

test('retrying waits as long as the other side asked', async () => {
  const clock = manualClock()
  const { work } = failing(2, () => new TransientError('slow down', { retryAfterMs: 7000 }))
  await retrying(testContext({ clock }), { stage: 'extract' }, work)
  expect(clock.slept).toEqual([7000, 7000])
})

test('retrying does not wait for what is beyond maxRetryAfterMs', async () => {
  const clock = manualClock()
  const { work, calls } = failing(9, () => new TransientError('come back tomorrow', { retryAfterMs: 86_400_000 }))
  await expect(retrying(testContext({ clock }), { stage: 'extract' }, work)).rejects.toThrow('come back tomorrow')
  expect(calls()).toBe(1)
  expect(clock.slept).toEqual([])
})

test('retrying throws the last error with the number of tries, its place and its cause', async () => {
  const { work, calls } = failing(99, () => new TransientError('503', { stage: 'extract', dataset: 'a', hint: 'wait' }))
  const error = await retrying(testContext(), { stage: 'extract', retries: 2 }, work).catch((e: unknown) => e)
  expect(error).toBeInstanceOf(TransientError)
  expect(error).toMatchObject({ message: '503 (tried 3 times)', hint: 'wait', exitCode: 75, place: { stage: 'extract', dataset: 'a' } })
  expect((error as Error).cause).toMatchObject({ message: '503' })
  expect(calls()).toBe(3)
})

test.each([
  ['a PermanentError', new PermanentError('404')],
  ['a bug', new TypeError('x is not a function')],
  ['an open circuit', new CircuitOpenError('circuit open')],
])('retrying does not retry %s', async (_name, error) => {
  const ctx = testContext()
  const { work, calls } = failing(9, () => error)
  await expect(retrying(ctx, { stage: 'extract' }, work)).rejects.toBe(error)
  expect(calls()).toBe(1)
  expect(ctx.events).toEqual([])
})

test('retrying stops with the reason of the signal, also in the middle of a wait', async () => {
  const stop = new AbortController()
  const reason = new InterruptedError('asked to stop')
  const ctx = testContext({ signal: stop.signal, clock: pinnedClock(new Date(0)) })
  const { work, calls } = failing(9, () => new TransientError('no', { retryAfterMs: 60_000 }))
  const running = retrying(ctx, { stage: 'extract' }, work)
  setTimeout(() => stop.abort(reason), 30)
  await expect(running).rejects.toBe(reason)
  await expect(retrying(ctx, { stage: 'extract' }, work)).rejects.toBe(reason)
  expect(calls()).toBe(1)
})
