import { ConfigError } from '../../core/errors.ts'
import { atLeastOne } from './budget.ts'
import { nextTimeOfDay } from './stop-at.ts'

/** How long a backfill goes on. */
export interface EnduranceOptions {
  /** Go on with the other partitions however many fail; the exit code is then 1. Not with `maxFailures`. */
  readonly keepGoing?: boolean
  /** After so many failed partitions no other begins. Default 1. */
  readonly maxFailures?: number
  /** How often a partition is tried whose failure may be passing, or whose worker died. Default 3. */
  readonly attempts?: number
  /** At this time of day, in the machine's zone, no other partition begins: `06:00`. */
  readonly stopAt?: string
}

/** What of it counts. @throws ConfigError for a number or a time that is none, and for `keepGoing` beside `maxFailures` */
export function endurance({ keepGoing = false, stopAt, ...options }: EnduranceOptions): {
  readonly maxFailures: number
  readonly attempts: number
} {
  if (keepGoing && options.maxFailures !== undefined) throw new ConfigError('--keep-going and --max-failures exclude each other')
  const maxFailures = atLeastOne('max-failures', options.maxFailures) ?? (keepGoing ? Number.POSITIVE_INFINITY : 1)
  const attempts = atLeastOne('attempts', options.attempts) ?? 3
  if (stopAt !== undefined) nextTimeOfDay(stopAt, new Date())
  return { maxFailures, attempts }
}
