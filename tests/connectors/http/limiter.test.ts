import { expect, test } from 'vitest'
import { limiter } from '../../../lib/connectors/http/limiter.ts'
import { pinnedClock } from '../../../lib/core/clock.ts'
import { manualClock } from '../../kit/context.ts'

const never = new AbortController().signal

test('limiter begins requests 1/perSecond apart', async () => {
  const clock = manualClock(new Date(0))
  const slots = limiter({ perSecond: 4, concurrency: 1 })
  const begun: number[] = []
  const request = () => slots.run(clock, never, async () => begun.push(clock.now().getTime()))
  await Promise.all([request(), request(), request()])
  clock.advance(1000)
  await request()
  await request()
  expect(begun).toEqual([0, 250, 500, 1500, 1750])
  expect(clock.slept).toEqual([250, 250, 250])
})

test('limiter spaces by real time where now() is pinned, and does not fall behind', async () => {
  const clock = pinnedClock(new Date(0))
  const slots = limiter({ perSecond: 50, concurrency: 8 })
  const started = performance.now()
  await Promise.all(Array.from({ length: 6 }, () => slots.run(clock, never, async () => {})))
  for (let i = 0; i < 4; i++) await slots.run(clock, never, async () => {})
  const ms = performance.now() - started
  expect(ms).toBeGreaterThan(9 * 20 - 10)
  expect(ms).toBeLessThan(9 * 20 * 4)
})

test('limiter runs at most so many at once, first come first served, and frees the place of one that fails', async () => {
  const slots = limiter({ perSecond: undefined, concurrency: 2 })
  const clock = manualClock()
  let [running, most] = [0, 0]
  const order: number[] = []
  const results = await Promise.allSettled(
    Array.from({ length: 9 }, (_, i) =>
      slots.run(clock, never, async () => {
        order.push(i)
        most = Math.max(most, ++running)
        await new Promise((resolve) => setTimeout(resolve, 2))
        running--
        if (i % 3 === 0) throw new Error('no')
      }),
    ),
  )
  expect(most).toBe(2)
  expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8])
  expect(results.filter(({ status }) => status === 'rejected')).toHaveLength(3)
})

test('limiter holds every request when the service asks for it', async () => {
  const clock = manualClock(new Date(0))
  const slots = limiter({ perSecond: undefined, concurrency: 2 })
  slots.hold(clock, 5000)
  await slots.run(clock, never, async () => {})
  await slots.run(clock, never, async () => {})
  expect(clock.slept).toEqual([5000])
})

test('limiter lets nothing begin after an abort', async () => {
  const stop = new AbortController()
  const slots = limiter({ perSecond: undefined, concurrency: 1 })
  let ran = 0
  const first = slots.run(manualClock(), stop.signal, async () => {
    ran++
    stop.abort(new Error('asked to stop'))
  })
  const second = slots.run(manualClock(), stop.signal, async () => ran++)
  await first
  await expect(second).rejects.toThrow('asked to stop')
  expect(ran).toBe(1)
})
