import { describe, expect, it, test } from 'vitest'
import { day, keys } from '../../lib/pipeline/define/partitions.ts'
import { type Schedule, scheduleOf } from '../../lib/pipeline/define/schedule.ts'

/** The last time by `now` and the two after, UTC. */
function timesOf(schedule: Schedule, now: string): string[] {
  const bound = scheduleOf({ name: 'p', schedule })
  const next = bound?.next(new Date(now))
  return [bound?.last(new Date(now)), next, next && bound?.next(next)].map((time) => time?.toISOString().replace(':00.000Z', 'Z') ?? '')
}

const berlin = (cron: string) => ({ cron, zone: 'Europe/Berlin' })

test('scheduleOf takes the zone of the partitions, another where it is given, else UTC', () => {
  const partition = day({ from: '2026-01-01', zone: 'Europe/Berlin' })
  const schedule = '0 5 * * *'
  expect(scheduleOf({ name: 'p', schedule, partition })?.zone).toBe('Europe/Berlin')
  expect(scheduleOf({ name: 'p', schedule: { cron: schedule, zone: 'Asia/Tokyo' }, partition })?.zone).toBe('Asia/Tokyo')
  expect(scheduleOf({ name: 'p', schedule, partition: keys(['a']) })?.zone).toBe('UTC')
  expect(scheduleOf({ name: 'p' })).toBeUndefined()
})

test.each<[Schedule, string, readonly string[]]>([
  // The very moment counts, as the last one.
  ['0 5 * * *', '2026-11-26T05:00:00Z', ['2026-11-26T05:00Z', '2026-11-27T05:00Z', '2026-11-28T05:00Z']],
  ['0 5 * * *', '2026-11-26T04:59:59.999Z', ['2026-11-25T05:00Z', '2026-11-26T05:00Z', '2026-11-27T05:00Z']],
  [' 0  5 *\t* 1-5 ', '2026-11-28T12:00:00Z', ['2026-11-27T05:00Z', '2026-11-30T05:00Z', '2026-12-01T05:00Z']],
  ['@monthly', '2026-11-26T00:00:00Z', ['2026-11-01T00:00Z', '2026-12-01T00:00Z', '2027-01-01T00:00Z']],
  ['0 0 29 2 *', '2026-11-26T00:00:00Z', ['2024-02-29T00:00Z', '2028-02-29T00:00Z', '2032-02-29T00:00Z']],
])('scheduleOf %j at %s', (schedule, now, times) => expect(timesOf(schedule, now)).toEqual(times))

describe('where the clock of the zone changes', () => {
  // 2026-03-29 02:00 to 03:00 is not there in Berlin: 01:00 UTC is 03:00.
  it('a time that is skipped comes when the clock has been set forward', () => {
    expect(timesOf(berlin('30 2 * * *'), '2026-03-28T12:00:00Z')).toEqual(['2026-03-28T01:30Z', '2026-03-29T01:00Z', '2026-03-30T00:30Z'])
    expect(timesOf(berlin('30 2 * * *'), '2026-03-29T12:00:00Z')[0]).toBe('2026-03-29T01:00Z')
    expect(timesOf(berlin('30 2,14 * * *'), '2026-03-28T20:00:00Z')).toEqual([
      '2026-03-28T13:30Z',
      '2026-03-29T01:00Z',
      '2026-03-29T12:30Z',
    ])
  })
  // 2026-10-25 02:00 to 03:00 is there twice: from 00:00 UTC, and from 01:00 UTC.
  it('of a time that comes twice the first counts', () => {
    expect(timesOf(berlin('30 2 * * *'), '2026-10-24T12:00:00Z')).toEqual(['2026-10-24T00:30Z', '2026-10-25T00:30Z', '2026-10-26T01:30Z'])
    expect(timesOf(berlin('30 2 * * *'), '2026-10-25T01:45:00Z')[0]).toBe('2026-10-25T00:30Z')
    expect(timesOf(berlin('30 2,14 * * *'), '2026-10-25T01:45:00Z').slice(0, 2)).toEqual(['2026-10-25T00:30Z', '2026-10-25T13:30Z'])
  })
  it('what has a * or a step goes by the time that passes', () => {
    expect(timesOf(berlin('30 * * * *'), '2026-10-25T00:00:00Z')).toEqual(['2026-10-24T23:30Z', '2026-10-25T00:30Z', '2026-10-25T01:30Z'])
    expect(timesOf(berlin('30 * * * *'), '2026-03-29T00:45:00Z')).toEqual(['2026-03-29T00:30Z', '2026-03-29T01:30Z', '2026-03-29T02:30Z'])
  })
})

test.each<[unknown, RegExp]>([
  ['60 5 * * *', /^schedule "60 5 \* \* \*" cannot be read: Invalid value for minute: 60$/],
  ['0 5 * * * *', /^schedule "0 5 \* \* \* \*" has 6 fields, not five$/],
  ['0 5 * *', /has 4 fields, not five/],
  ['', /has 0 fields, not five/],
  ['2026-11-26T05:00:00Z', /has 1 field, not five/],
  ['@reboot', /has 1 field, not five/],
  ['0 5 ? * *', /has a "\?"; write \*/],
  ['0 0 30 2 *', /^schedule "0 0 30 2 \*" never comes$/],
  [berlin('*/0 * * * *'), /cannot be read: /],
  [{ cron: '0 5 * * *', zone: 'Europe/Berln' }, /^schedule "0 5 \* \* \*": unknown time zone "Europe\/Berln"/],
  [{ cron: '0 5 * * *', zone: '' }, /unknown time zone ""/],
  [{ zone: 'UTC' }, /^schedule is no cron expression$/],
  [5, /^schedule is no cron expression$/],
  [null, /^schedule is no cron expression$/],
])('scheduleOf refuses %j', (schedule, message) => {
  const refused = () => scheduleOf({ name: 'p', schedule: schedule as Schedule })
  expect(refused).toThrow(message)
  expect(refused).toThrow(expect.objectContaining({ exitCode: 2, place: { pipeline: 'p' }, hint: expect.stringContaining('0 5 * * 1-5') }))
})
