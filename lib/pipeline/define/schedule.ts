import { Cron } from 'croner'
import { ConfigError, messageOf, placed } from '../../core/errors.ts'
import { requireKnown } from '../../core/known-options.ts'
import type { Partitioning } from './partitions.ts'
import { instantOf } from './zoned-time.ts'

/** When a pipeline is to be run: a cron expression in the partitions' zone (UTC without partitions of time), or with a zone of its own. */
export type Schedule = string | ScheduleOptions

/** A cron expression in a zone. */
export interface ScheduleOptions {
  /** Five fields (minute, hour, day of month, month, day of week), or `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`. */
  readonly cron: string
  /** IANA zone of the expression. Default: that of the partitions, else UTC. */
  readonly zone?: string
}

/**
 * A schedule that was read. Times that the clock of its zone skips come when it has been set forward; of times that it shows twice the first one counts. An expression whose minute or hour is `*` or has
 * a step goes by the time that passes: it leaves out what is skipped and comes both times.
 */
export interface BoundSchedule {
  readonly cron: string
  readonly zone: string
  /** The last scheduled time that is not after `now`. */
  last(now: Date): Date
  /** The first one after `now`; undefined where no more comes. */
  next(now: Date): Date | undefined
}

/** What of a pipeline's definition its schedule follows from. */
interface Scheduled {
  readonly name: string
  readonly schedule?: Schedule
  readonly partition?: Partitioning
}

const NICKNAME = /^@(hourly|daily|midnight|weekly|monthly|yearly|annually)$/i

/** The schedule of a pipeline; undefined where it has none. @throws ConfigError naming the expression and what is wrong with it, and for an unknown zone */
export function scheduleOf({ name, schedule, partition }: Scheduled): BoundSchedule | undefined {
  if (schedule === undefined) return undefined
  const wrong = (message: string) => new ConfigError(message, { pipeline: name, hint: HINT })
  const given: Partial<ScheduleOptions> | null = typeof schedule === 'string' ? { cron: schedule } : schedule
  if (given === null || typeof given !== 'object' || typeof given.cron !== 'string') throw wrong('schedule is no cron expression')
  try {
    requireKnown<Partial<ScheduleOptions>>('schedule', given, { cron: true, zone: true })
  } catch (error) {
    throw placed(error, { pipeline: name })
  }
  const cron = given.cron.trim().replace(/\s+/g, ' ')
  const zone = given.zone ?? (partition?.by === 'time' ? partition.zone : 'UTC')
  const said = `schedule ${JSON.stringify(given.cron)}`
  try {
    instantOf({ year: 2000, month: 1, day: 1, hour: 0 }, zone)
  } catch (cause) {
    throw wrong(`${said}: ${messageOf(cause)}`)
  }
  const fields = cron === '' ? 0 : cron.split(' ').length
  if (!NICKNAME.test(cron) && fields !== 5) throw wrong(`${said} has ${fields} ${fields === 1 ? 'field' : 'fields'}, not five`)
  // To croner a `?` is the moment at which the expression is read.
  if (cron.includes('?')) throw wrong(`${said} has a "?"; write *`)
  let job: Cron
  try {
    job = new Cron(cron, { timezone: zone, mode: '5-part', fixedTimeRule: 'no-wildcard', paused: true })
  } catch (cause) {
    throw wrong(`${said} cannot be read: ${messageOf(cause).replace(/^CronPattern: /, '')}`)
  }
  const last = (now: Date) => job.previousRuns(1, new Date(now.getTime() + 1))[0]
  if (!last(new Date(0)) && !job.nextRun(new Date(0))) throw wrong(`${said} never comes`)
  return {
    cron,
    zone,
    last: (now) => {
      const found = last(now)
      if (!found) throw new RangeError(`${said} has no time before ${now.toISOString()}`)
      return found
    },
    next: (now) => job.nextRun(now) ?? undefined,
  }
}

const HINT = 'minute, hour, day of month, month, day of week, as 0 5 * * 1-5; or @hourly, @daily, @weekly, @monthly, @yearly'
