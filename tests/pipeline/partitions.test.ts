import { describe, expect, it } from 'vitest'
import {
  day,
  hour,
  keys,
  month,
  type Partitioning,
  partitionNamed,
  partitionsBefore,
  partitionsBetween,
  partitionsUntil,
  week,
  year,
} from '../../lib/pipeline/define/partitions.ts'

const iso = (d: Date | undefined) => d?.toISOString()

describe('partitionsUntil', () => {
  it('gives the windows that have begun, the last one open', () => {
    const all = partitionsUntil(day({ from: '2018-02-05' }), new Date('2018-02-07T01:30Z'))
    expect(all.map((p) => p.name)).toEqual(['2018-02-05', '2018-02-06', '2018-02-07'])
    expect(iso(all[2]?.window?.end)).toBe('2018-02-08T00:00:00.000Z')
  })
  it('ends at `to`, exclusive', () => {
    expect(partitionsUntil(month({ from: '2001-01', to: '2001-04' }), new Date('2009-01-01Z')).map((p) => p.name)).toEqual([
      '2001-01',
      '2001-02',
      '2001-03',
    ])
  })
  it('has 23 and 25 hour days and hours in a zone with summer time', () => {
    const days = partitionsUntil(day({ from: '2013-03-10', to: '2013-03-11', zone: 'America/New_York' }), new Date('2014-01-01Z'))
    expect(iso(days[0]?.window?.start)).toBe('2013-03-10T05:00:00.000Z')
    expect(iso(days[0]?.window?.end)).toBe('2013-03-11T04:00:00.000Z')
    const spring = partitionsUntil(hour({ from: '2013-03-10T01', to: '2013-03-10T04', zone: 'America/New_York' }), new Date('2014-01-01Z'))
    expect(spring.map((p) => p.name)).toEqual(['2013-03-10T01', '2013-03-10T03'])
    const autumn = partitionsUntil(hour({ from: '2013-11-03T00', to: '2013-11-03T03', zone: 'America/New_York' }), new Date('2014-01-01Z'))
    expect(autumn.map((p) => [p.name, iso(p.window?.start)])).toEqual([
      ['2013-11-03T00', '2013-11-03T04:00:00.000Z'],
      ['2013-11-03T01', '2013-11-03T05:00:00.000Z'],
      ['2013-11-03T02', '2013-11-03T07:00:00.000Z'],
    ])
  })
  it('gives windows that meet without a gap in every unit and zone', () => {
    for (const zone of ['UTC', 'Europe/Berlin', 'America/Sao_Paulo', 'Australia/Lord_Howe', 'Asia/Kathmandu', 'Africa/Cairo'])
      for (const all of [
        hour({ from: '2018-10-01', zone }),
        day({ from: '2017-01-01', zone }),
        week({ from: '2017-01-02', zone }),
        month({ from: '2010', zone }),
        year({ from: '1999', zone }),
      ].map((p) => partitionsUntil(p, new Date('2018-12-24Z'))))
        for (let i = 1; i < all.length; i++) expect(iso(all[i]?.window?.start)).toBe(iso(all[i - 1]?.window?.end))
  })
})

describe('partitionNamed', () => {
  const now = new Date('2018-02-07T01:30Z')
  it('finds a partition by name', () => expect(partitionNamed(day({ from: '2018-02-01' }), '2018-02-07', now).name).toBe('2018-02-07'))
  it('names the form that it expects', () =>
    expect(() => partitionNamed(day({ from: '2018-02-01' }), '4 Feb', now)).toThrow(
      '"4 Feb" is not a day; expected the form 2018-02-04'.replace('2018-02-04', '2005-05-24'),
    ))
  it('refuses one that has not begun', () =>
    expect(() => partitionNamed(day({ from: '2018-02-01' }), '2018-02-08', now)).toThrow('there are: 2018-02-01 to 2018-02-07'))
  it('refuses an unknown key', () =>
    expect(() => partitionNamed(keys(['a', 'b']), 'c', now)).toThrow('partition "c" is not among the keys: a, b'))
  it('refuses a day that no month has', () => expect(() => day({ from: '2018-02-30' })).toThrow('"2018-02-30" is not a day'))
  it('refuses a week that begins on a Sunday', () => expect(() => week({ from: '2018-02-04' })).toThrow('does not begin on a Monday'))
})

describe('partitionsBetween', () => {
  const months = month({ from: '2004-11' })
  it('takes `to` as exclusive and a coarser name as its first partition', () => {
    expect(partitionsBetween(months, '2005', '2005-03', new Date('2020-01-01Z')).map((p) => p.name)).toEqual(['2005-01', '2005-02'])
  })
  it('refuses an empty range', () =>
    expect(() => partitionsBetween(months, '2005-03', '2005', new Date())).toThrow('--from 2005-03 is not before --to 2005'))
})

describe('partitionsBefore', () => {
  it('gives what a look-back touches, from the first partition on', () => {
    const days = day({ from: '2018-02-01' })
    const now = new Date('2018-03-01Z')
    expect(partitionsBefore(days, partitionNamed(days, '2018-02-05', now), '2d').map((p) => p.name)).toEqual(['2018-02-03', '2018-02-04'])
    expect(partitionsBefore(days, partitionNamed(days, '2018-02-02', now), '3d').map((p) => p.name)).toEqual(['2018-02-01'])
    expect(partitionsBefore(days, partitionNamed(days, '2018-02-05', now), '1h').map((p) => p.name)).toEqual(['2018-02-04'])
  })
  it('counts days and weeks by the calendar of the zone, where clocks change, too', () => {
    const now = new Date('2026-01-01Z')
    const looksBack = (partitioning: Partitioning, name: string, lookback: string) =>
      partitionsBefore(partitioning, partitionNamed(partitioning, name, now), lookback).map((p) => p.name)
    const days = day({ from: '2025-01-01', zone: 'Europe/Berlin' })
    // 30 March has 23 hours, 26 October 25.
    expect(looksBack(days, '2025-03-31', '1d')).toEqual(['2025-03-30'])
    expect(looksBack(days, '2025-03-31', '2d')).toEqual(['2025-03-29', '2025-03-30'])
    expect(looksBack(days, '2025-10-27', '1d')).toEqual(['2025-10-26'])
    expect(looksBack(days, '2025-10-27', '2d')).toEqual(['2025-10-25', '2025-10-26'])
    expect(looksBack(days, '2025-03-31', '1w')).toHaveLength(7)
    expect(looksBack(week({ from: '2025-01-06', zone: 'Europe/Berlin' }), '2025-03-31', '1w')).toEqual(['2025-03-24'])
    expect(looksBack(month({ from: '2025', zone: 'Europe/Berlin' }), '2025-04', '31d')).toEqual(['2025-03'])
    // A day that begins at one o'clock, since its clocks go forward at midnight.
    expect(looksBack(day({ from: '2025-01-01', zone: 'Africa/Cairo' }), '2025-04-26', '1d')).toEqual(['2025-04-25'])
    expect(looksBack(day({ from: '2025-01-01', zone: 'Africa/Cairo' }), '2025-04-25', '1d')).toEqual(['2025-04-24'])
  })
  it('counts hours exactly, and days of hours', () => {
    const now = new Date('2026-01-01Z')
    const days = day({ from: '2025-01-01', zone: 'Europe/Berlin' })
    expect(partitionsBefore(days, partitionNamed(days, '2025-03-31', now), '24h').map((p) => p.name)).toEqual(['2025-03-29', '2025-03-30'])
    expect(partitionsBefore(days, partitionNamed(days, '2025-03-31', now), '23h').map((p) => p.name)).toEqual(['2025-03-30'])
    const hours = hour({ from: '2025-03-29', zone: 'Europe/Berlin' })
    expect(partitionsBefore(hours, partitionNamed(hours, '2025-03-31T00', now), '1d')).toHaveLength(24)
  })
})
