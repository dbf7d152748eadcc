import { ConfigError } from '../../core/errors.ts'
import type { LocalTime } from './zoned-time.ts'

/** How long a partition of time is. */
export type TimeUnit = 'hour' | 'day' | 'week' | 'month' | 'year'

const examples: Readonly<Record<TimeUnit, string>> = {
  year: '2005',
  month: '2005-05',
  week: '2005-05-23, a Monday, or 2005-W21',
  day: '2005-05-24',
  hour: '2005-05-24T13',
}

const TIME = /^(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?(?:T(\d{2}))?$/
const ISO_WEEK = /^(\d{4})-W(\d{2})$/

/**
 * The local time at which a partition begins that a user names. A coarser name means the first partition that begins in it: `2005` is `2005-01` among months, `2005-01-03` among weeks. A finer one, as a day among months, is taken where
 * a partition begins there. `2005-W21` is a week of ISO 8601, from Monday on.
 * @throws ConfigError for what is no time, and for a time at which no partition begins: it says which are beside it
 */
export function startOf(unit: TimeUnit, name: string): LocalTime {
  const time = timeOf(name)
  if (time === undefined) throw new ConfigError(`${JSON.stringify(name)} is not a ${unit}; expected the form ${examples[unit]}`)
  const begin = beginOf(unit, time)
  if (!before(begin, time)) return begin
  const after = next(unit, begin)
  // Neither a year nor a month needs to begin on a Monday.
  if (unit === 'week' && /^\d{4}(-\d{2})?$/.test(name)) return after
  const beside = `write ${nameOf(unit, begin)}, in which it lies, or ${nameOf(unit, after)}, which is next`
  throw new ConfigError(
    unit === 'week'
      ? `week ${JSON.stringify(name)} does not begin on a Monday; ${beside}`
      : `${JSON.stringify(name)} is not a ${unit}: none begins there; ${beside}`,
  )
}

/** The Monday of a week that is named as `2005-W21`; any other name as it is. */
export function weekNamed(name: string): string {
  return ISO_WEEK.test(name) ? nameOf('week', startOf('week', name)) : name
}

/** undefined: there is no such time. */
function timeOf(name: string): LocalTime | undefined {
  const week = ISO_WEEK.exec(name)
  if (week) return mondayOf(Number(week[1]), Number(week[2]))
  const [y, m = 1, d = 1, h = 0] = (TIME.exec(name)?.slice(1) ?? []).map((part) => (part === undefined ? undefined : Number(part)))
  if (y === undefined || m < 1 || m > 12 || d < 1 || h > 23) return undefined
  return new Date(Date.UTC(y, m - 1, d)).getUTCDate() === d ? { year: y, month: m, day: d, hour: h } : undefined
}

/** ISO 8601: the first week of a year is the one with its fourth of January, and the last one may be the 52nd or the 53rd. */
function mondayOf(year: number, week: number): LocalTime | undefined {
  const first = beginOf('week', { year, month: 1, day: 4, hour: 0 })
  const monday = shifted(first, (week - 1) * 7)
  return week >= 1 && shifted(monday, 3).year === year ? monday : undefined
}

/** Where the partition begins in which a time lies. */
function beginOf(unit: TimeUnit, { year, month, day, hour }: LocalTime): LocalTime {
  if (unit === 'week') return shifted({ year, month, day, hour: 0 }, -((new Date(Date.UTC(year, month - 1, day)).getUTCDay() + 6) % 7))
  return {
    year,
    month: unit === 'year' ? 1 : month,
    day: unit === 'year' || unit === 'month' ? 1 : day,
    hour: unit === 'hour' ? hour : 0,
  }
}

function shifted({ year, month, day, hour }: LocalTime, days: number): LocalTime {
  const date = new Date(Date.UTC(year, month - 1, day + days))
  return { year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate(), hour }
}

/** Where the partition after the one begins that begins at this time. */
export function next(unit: TimeUnit, { year, month, day, hour }: LocalTime): LocalTime {
  const date = new Date(
    unit === 'year'
      ? Date.UTC(year + 1, 0, 1)
      : unit === 'month'
        ? Date.UTC(year, month, 1)
        : unit === 'hour'
          ? Date.UTC(year, month - 1, day, hour + 1)
          : Date.UTC(year, month - 1, day + (unit === 'week' ? 7 : 1)),
  )
  return { year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate(), hour: date.getUTCHours() }
}

/** The name of the partition that begins at this time. */
export function nameOf(unit: TimeUnit, { year, month, day, hour }: LocalTime): string {
  const two = (n: number) => String(n).padStart(2, '0')
  const date = `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}`
  return { year: date.slice(0, 4), month: date.slice(0, 7), week: date, day: date, hour: `${date}T${two(hour)}` }[unit]
}

export function before(a: LocalTime, b: LocalTime): boolean {
  return Date.UTC(a.year, a.month - 1, a.day, a.hour) < Date.UTC(b.year, b.month - 1, b.day, b.hour)
}
