import { describe, expect, it } from 'vitest'
import { ConfigError } from '../../lib/core/errors.ts'
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
  type TimeUnit,
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

describe('what a user writes after --from', () => {
  const NOW = new Date('2006-01-01Z')
  const from = (partitioning: Partitioning, name: string) => {
    try {
      return partitionsBetween(partitioning, name, undefined, NOW)[0]?.name
    } catch (error) {
      return error instanceof ConfigError ? error.message : error
    }
  }
  const units: Readonly<Record<TimeUnit, Partitioning>> = {
    year: year({ from: '2004' }),
    month: month({ from: '2004' }),
    week: week({ from: '2004' }),
    day: day({ from: '2004' }),
    hour: hour({ from: '2004' }),
  }
  const between = (name: string, unit: string, begin: string, after: string) =>
    `"${name}" is not a ${unit}: none begins there; write ${begin}, in which it lies, or ${after}, which is next`
  it.each<readonly [name: string, of: Readonly<Record<TimeUnit, string>>]>([
    ['2005', { year: '2005', month: '2005-01', week: '2005-01-03', day: '2005-01-01', hour: '2005-01-01T00' }],
    ['2005-01', { year: '2005', month: '2005-01', week: '2005-01-03', day: '2005-01-01', hour: '2005-01-01T00' }],
    [
      '2005-02',
      { year: between('2005-02', 'year', '2005', '2006'), month: '2005-02', week: '2005-02-07', day: '2005-02-01', hour: '2005-02-01T00' },
    ],
    [
      '2005-02-03',
      {
        ...{ year: between('2005-02-03', 'year', '2005', '2006'), month: between('2005-02-03', 'month', '2005-02', '2005-03') },
        week: 'week "2005-02-03" does not begin on a Monday; write 2005-01-31, in which it lies, or 2005-02-07, which is next',
        ...{ day: '2005-02-03', hour: '2005-02-03T00' },
      },
    ],
    [
      '2005-01-31T00',
      {
        year: between('2005-01-31T00', 'year', '2005', '2006'),
        month: between('2005-01-31T00', 'month', '2005-01', '2005-02'),
        week: '2005-01-31',
        day: '2005-01-31',
        hour: '2005-01-31T00',
      },
    ],
    [
      '2005-W05',
      {
        year: between('2005-W05', 'year', '2005', '2006'),
        month: between('2005-W05', 'month', '2005-01', '2005-02'),
        week: '2005-01-31',
        day: '2005-01-31',
        hour: '2005-01-31T00',
      },
    ],
    // 2004 has 53 weeks, 2005 has 52; the first of 2005 begins on 3 January.
    [
      '2004-W53',
      {
        year: between('2004-W53', 'year', '2004', '2005'),
        month: between('2004-W53', 'month', '2004-12', '2005-01'),
        week: '2004-12-27',
        day: '2004-12-27',
        hour: '2004-12-27T00',
      },
    ],
  ])('%s is found among partitions of each length, or it is said what to write', (name, expected) => {
    for (const [unit, partitioning] of Object.entries(units)) expect(from(partitioning, name), unit).toBe(expected[unit as TimeUnit])
  })
  it.each(['5', '2005-2', '2005-13', '2005-02-30', '2005-W00', '2005-W53', '2005-02-03T24', '2005-02-03 04:00', 'February', ''])(
    '%j is refused with the form',
    (name) => {
      const forms = { year: '2005', month: '2005-05', week: '2005-05-23, a Monday, or 2005-W21', day: '2005-05-24', hour: '2005-05-24T13' }
      for (const [unit, partitioning] of Object.entries(units))
        expect(from(partitioning, name)).toBe(`${JSON.stringify(name)} is not a ${unit}; expected the form ${forms[unit as TimeUnit]}`)
    },
  )
  it('means the same after --to, and in a pipeline', () => {
    const names = partitionsBetween(units.week, '2004-12', '2005', NOW).map((p) => p.name)
    expect(names).toEqual(['2004-12-06', '2004-12-13', '2004-12-20', '2004-12-27'])
    expect(partitionsUntil(week({ from: '2005-W01', to: '2005-01-17' }), NOW).map((p) => p.name)).toEqual(['2005-01-03', '2005-01-10'])
    expect(partitionNamed(units.week, '2005-W01', NOW).name).toBe('2005-01-03')
    expect(() => partitionNamed(units.week, '2005', NOW)).toThrow('no partition "2005"')
  })
  it('is a key, in the order of the keys, or it is said which there are', () => {
    const towns = keys(['lodz', 'a,b', 'krakow'])
    expect(partitionsBetween(towns, 'a,b', undefined, NOW).map((p) => p.name)).toEqual(['a,b', 'krakow'])
    expect(from(towns, '2005')).toBe('partition "2005" is not among the keys: lodz, a,b, krakow')
    expect(() => partitionsBetween(towns, 'krakow', 'lodz', NOW)).toThrow(
      '--from krakow is not before --to lodz; the keys are in the order lodz, a,b, krakow',
    )
  })
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
