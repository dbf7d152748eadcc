import type { TimeWindow } from '../../core/dataset.ts'
import { durationDays, durationMs } from '../../core/duration.ts'
import { ConfigError } from '../../core/errors.ts'
import { type KnownOptions, requireKnown } from '../../core/known-options.ts'
import { before, nameOf, next, startOf, type TimeUnit, weekNamed } from './partition-names.ts'
import { instantOf, type LocalTime, localOf } from './zoned-time.ts'

export type { TimeUnit } from './partition-names.ts'

/** How a pipeline's data is cut: into windows of time `[start, end)`, or by keys. */
export type Partitioning =
  | { readonly by: 'time'; readonly unit: TimeUnit; readonly from: string; readonly to: string | undefined; readonly zone: string }
  | { readonly by: 'keys'; readonly keys: readonly string[] }

/** Where partitions of time begin and end. */
export interface TimePartitionOptions {
  /** The first partition, in `zone`: `'2005'`, `'2005-05'`, `'2005-05-24'`, `'2005-05-24T13'`; a week by its Monday, or as `'2005-W21'`. A coarser name means the first partition that begins in it. */
  readonly from: string
  /** The end, exclusive, in the same forms. Default: partitions go on with the clock. */
  readonly to?: string
  /** IANA zone in which windows begin and end. Default UTC. */
  readonly zone?: string
}

/** One partition at work: its name, and its window where it is one of time. */
export interface Partition {
  readonly name: string
  readonly window?: TimeWindow
}

const TIME: KnownOptions<TimePartitionOptions> = { from: true, to: true, zone: true }

const by =
  (unit: TimeUnit) =>
  (options: TimePartitionOptions): Partitioning => {
    if (options === null || typeof options !== 'object')
      throw new ConfigError(`${unit}() needs where partitions begin, as ${unit}({ from: '…' })`)
    requireKnown(`${unit}()`, options, TIME)
    const { from, to, zone = 'UTC' } = options
    for (const [name, value] of Object.entries({ from, to }))
      if (value !== undefined && typeof value !== 'string')
        throw new ConfigError(`${name} ${JSON.stringify(value)} of ${unit}() is no text; write '${value}'`)
    const partitioning = { by: 'time', unit, from, to, zone } as const
    const start = startOf(unit, from)
    if (to !== undefined && !before(start, startOf(unit, to)))
      throw new ConfigError(`partition ${unit}: from ${JSON.stringify(from)} is not before to ${JSON.stringify(to)}`)
    instantOf(start, zone)
    return partitioning
  }

/** One partition for each hour from `from` on, in `zone`; named as `2005-05-24T13`. An hour that a clock change skips is left out, one that it repeats is one partition of two hours. @throws ConfigError for a time or zone that is none */
export const hour = by('hour')
/** One partition for each day from `from` on, in `zone`; named as `2005-05-24`. @throws ConfigError for a time or zone that is none */
export const day = by('day')
/** One partition for each week from `from` on, in `zone`; named as `2005-05-23`, its Monday. @throws ConfigError for a time or zone that is none */
export const week = by('week')
/** One partition for each month from `from` on, in `zone`; named as `2005-05`. @throws ConfigError for a time or zone that is none */
export const month = by('month')
/** One partition for each year from `from` on, in `zone`; named as `2005`. @throws ConfigError for a time or zone that is none */
export const year = by('year')

/** One partition for each key, in the order given. A dataset is read for each where its request names `{partition}`. @throws ConfigError without keys, and for an empty or repeated one */
export function keys(names: readonly string[]): Partitioning {
  if (!Array.isArray(names) || names.length === 0 || new Set(names).size !== names.length || names.includes(''))
    throw new ConfigError('keys() needs distinct, non-empty names')
  return { by: 'keys', keys: names }
}

function daysBefore({ year, month, day, hour }: LocalTime, days: number): LocalTime {
  const date = new Date(Date.UTC(year, month - 1, day - days))
  return { year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate(), hour }
}

/**
 * The partitions of a pipeline that have begun by `now`, oldest first; the last may be open. An hour that a clock change skips is left out; one that it repeats is
 * one partition of two hours.
 */
export function partitionsUntil(partitioning: Partitioning, now: Date): readonly Partition[] {
  if (partitioning.by === 'keys') return partitioning.keys.map((name) => ({ name }))
  const { unit, from, to, zone } = partitioning
  const end = to === undefined ? undefined : startOf(unit, to)
  const partitions: Partition[] = []
  for (let at = startOf(unit, from); end === undefined || before(at, end); at = next(unit, at)) {
    const window = { start: instantOf(at, zone), end: instantOf(next(unit, at), zone) }
    if (window.start >= now) break
    if (window.end > window.start) partitions.push({ name: nameOf(unit, at), window })
  }
  return partitions
}

/** The partition of a name, as a user gives it; a week also as `2005-W21`. @throws ConfigError when it is none of the pipeline's, or has not begun by `now`. */
export function partitionNamed(partitioning: Partitioning, name: string, now: Date): Partition {
  if (partitioning.by === 'time') startOf(partitioning.unit, name)
  const all = partitionsUntil(partitioning, now)
  const wanted = partitioning.by === 'time' && partitioning.unit === 'week' ? weekNamed(name) : name
  const found = all.find((p) => p.name === wanted)
  if (found) return found
  const range =
    partitioning.by === 'keys' ? partitioning.keys.join(', ') : all.length > 0 ? `${all[0]?.name} to ${all.at(-1)?.name}` : 'none yet'
  throw new ConfigError(
    partitioning.by === 'keys'
      ? `partition ${JSON.stringify(name)} is not among the keys: ${range}`
      : `no partition ${JSON.stringify(name)} by ${now.toISOString()}; there are: ${range}`,
  )
}

/** Whether a name is of the form that the partitions have today, or one of the keys; a time before `from` or from `to` on is of the form. */
export function isNameOf(partitioning: Partitioning, name: string): boolean {
  if (partitioning.by === 'keys') return partitioning.keys.includes(name)
  try {
    return nameOf(partitioning.unit, startOf(partitioning.unit, name)) === name
  } catch (error) {
    if (error instanceof ConfigError) return false
    throw error
  }
}

/** The partitions of `[from, to)`, both names as a user gives them (a coarser name means the first that begins in it, a finer one is refused unless one begins there). */
export function partitionsBetween(
  partitioning: Partitioning,
  from: string | undefined,
  to: string | undefined,
  now: Date,
): readonly Partition[] {
  const all = partitionsUntil(partitioning, now)
  if (partitioning.by === 'keys') {
    const index = (name: string | undefined, otherwise: number) => {
      if (name === undefined) return otherwise
      const at = partitioning.keys.indexOf(name)
      if (at < 0) throw new ConfigError(`partition ${JSON.stringify(name)} is not among the keys: ${partitioning.keys.join(', ')}`)
      return at
    }
    const [first, end] = [index(from, 0), index(to, all.length)]
    if (first >= end)
      throw new ConfigError(
        `--from ${from ?? all[0]?.name} is not before --to ${to}; the keys are in the order ${partitioning.keys.join(', ')}`,
      )
    return all.slice(first, end)
  }
  const { unit, zone } = partitioning
  const start = from === undefined ? undefined : instantOf(startOf(unit, from), zone)
  const end = to === undefined ? undefined : instantOf(startOf(unit, to), zone)
  if (start && end && start >= end) throw new ConfigError(`--from ${from} is not before --to ${to}`)
  return all.filter(({ window }) => window && (!start || window.start >= start) && (!end || window.start < end))
}

/**
 * The partitions that a look-back before `partition` (a duration: `'3d'`, `'12h'`) touches, oldest first, from the pipeline's first one on. Where partitions are days or longer, its days and weeks are those of the
 * calendar in their zone: clocks may change in between.
 */
export function partitionsBefore(partitioning: Partitioning, partition: Partition, lookback: string): readonly Partition[] {
  const { window } = partition
  if (!window || partitioning.by === 'keys') return []
  const { unit, zone } = partitioning
  const days = unit === 'hour' ? undefined : durationDays(lookback)
  const from =
    days === undefined
      ? new Date(window.start.getTime() - durationMs(lookback))
      : instantOf(daysBefore(startOf(unit, partition.name), days), zone)
  return partitionsUntil(partitioning, window.start).filter((p) => p.window && p.window.end > from && p.window.start < window.start)
}

/** The wall-clock day and hour of an instant in a zone, for people. */
export function localName(instant: Date, zone: string): string {
  return nameOf('hour', localOf(instant, zone))
}
