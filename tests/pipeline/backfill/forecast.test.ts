import fc from 'fast-check'
import { expect, test } from 'vitest'
import { forecast, learn, type Made } from '../../../lib/pipeline/backfill/forecast.ts'

const MB = 1e6
const made = (i: number, sizeBytes: number | undefined, seconds: number, peakBytes?: number): Made => ({
  ...{ partition: `p${i}`, seconds, bytesDelivered: 10 },
  ...(sizeBytes !== undefined && { sizeBytes }),
  ...(peakBytes !== undefined && { peakBytes }),
})
const anyMade = fc
  .array(
    fc
      .record({
        size: fc.option(fc.integer({ min: 0, max: 1e12 }), { nil: undefined }),
        seconds: fc.double({ min: 0, max: 1e6, noNaN: true }),
        peak: fc.option(fc.integer({ min: 0, max: 1e12 }), { nil: undefined }),
      })
      .map(({ size, seconds, peak }) => made(0, size, seconds, peak)),
    { maxLength: 60 },
  )
  .map((all) => all.map((each, i) => ({ ...each, partition: `p${i}` })))

test('forecast without anything learned is the default', () => {
  expect(forecast(learn([]), { partition: 'x' }, 5)).toEqual({ seconds: 0, peakBytes: 5, bytesWritten: 0, from: 'default' })
})

test('forecast follows the landed size', () => {
  const learned = learn(Array.from({ length: 20 }, (_, i) => made(i, i * MB, 1 + i, 300 * MB + 4 * i * MB)))
  const { seconds, peakBytes, from } = forecast(learned, { partition: 'new', sizeBytes: 100 * MB }, 0)
  expect(seconds).toBeCloseTo(101)
  expect(peakBytes).toBeCloseTo(700 * MB)
  expect(from).toBe('20 partitions')
})

test('a few that went wrong bend no forecast of time', () => {
  const learned = learn(Array.from({ length: 30 }, (_, i) => made(i, i * MB, i % 7 === 3 ? 5000 : 1 + i)))
  expect(forecast(learned, { partition: 'new', sizeBytes: 50 * MB }, 0).seconds).toBeLessThan(60)
})

test('forecasts are numbers, not negative, and do not fall with the size', () => {
  fc.assert(
    fc.property(anyMade, fc.integer({ min: 0, max: 1e12 }), fc.integer({ min: 0, max: 1e12 }), (all, a, b) => {
      const learned = learn(all)
      const [small, large] = [Math.min(a, b), Math.max(a, b)].map((sizeBytes) => forecast(learned, { partition: 'new', sizeBytes }, 7))
      for (const value of [small?.seconds, small?.peakBytes, small?.bytesWritten]) {
        expect(value).toBeGreaterThanOrEqual(0)
        expect(Number.isFinite(value)).toBe(true)
      }
      expect(large?.seconds).toBeGreaterThanOrEqual(small?.seconds ?? 0)
      expect(large?.peakBytes).toBeGreaterThanOrEqual(small?.peakBytes ?? 0)
    }),
  )
})

test('no partition is forecast less memory than it took, and nearly all others no less than they did', () => {
  fc.assert(
    fc.property(anyMade, (all) => {
      const learned = learn(all)
      const known = all.filter(({ peakBytes }) => peakBytes !== undefined)
      for (const each of known)
        expect(forecast(learned, { partition: each.partition }, 0).peakBytes).toBeGreaterThanOrEqual(each.peakBytes ?? 0)
      const held = known.filter(
        ({ peakBytes = 0, sizeBytes = 0 }) => forecast(learned, { partition: 'new', sizeBytes }, 0).peakBytes >= peakBytes,
      )
      expect(held.length).toBeGreaterThanOrEqual(Math.floor(known.length * 0.95))
    }),
  )
})
