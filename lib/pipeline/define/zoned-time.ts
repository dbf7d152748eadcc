import { ConfigError } from '../../core/errors.ts'

/** A wall-clock time; `month` and `day` from 1. */
export interface LocalTime {
  readonly year: number
  readonly month: number
  readonly day: number
  readonly hour: number
}

const formats = new Map<string, Intl.DateTimeFormat>()

function formatOf(zone: string): Intl.DateTimeFormat {
  let format = formats.get(zone)
  if (!format) {
    try {
      format = new Intl.DateTimeFormat('en-US', {
        timeZone: zone,
        hourCycle: 'h23',
        year: 'numeric',
        month: 'numeric',
        day: 'numeric',
        hour: 'numeric',
        minute: 'numeric',
        second: 'numeric',
      })
    } catch {
      throw new ConfigError(`unknown time zone ${JSON.stringify(zone)}; expected an IANA name, as Europe/Berlin`)
    }
    formats.set(zone, format)
  }
  return format
}

/** Milliseconds that the zone's wall clock is ahead of UTC at an instant. */
function offsetMs(instant: number, zone: string): number {
  if (zone === 'UTC') return 0
  const parts: Record<string, number> = {}
  for (const { type, value } of formatOf(zone).formatToParts(instant)) parts[type] = Number(value)
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(instant / 1000) * 1000
}

/**
 * The instant of a wall-clock time in a zone: the first of two where the clock is set back, and where it is set forward over the time, the moment of the change.
 * @throws ConfigError for an unknown zone.
 */
export function instantOf({ year, month, day, hour }: LocalTime, zone: string): Date {
  const wall = Date.UTC(year, month - 1, day, hour)
  if (zone === 'UTC') return new Date(wall)
  // The offsets a day before and after enclose any change; the earlier instant of the two readings is the first of a repeated hour.
  const [early, late] = [offsetMs(wall - 86_400_000, zone), offsetMs(wall + 86_400_000, zone)]
  const candidates = [wall - early, wall - late].filter((t) => t + offsetMs(t, zone) === wall)
  if (candidates.length > 0) return new Date(Math.min(...candidates))
  let [low, high] = [wall - Math.max(early, late), wall - Math.min(early, late)]
  const before = offsetMs(low, zone)
  while (high - low > 1000) {
    const middle = Math.floor((low + high) / 2000) * 1000
    if (offsetMs(middle, zone) === before) low = middle
    else high = middle
  }
  return new Date(high)
}

/** The wall-clock time of an instant in a zone. */
export function localOf(instant: Date, zone: string): LocalTime {
  const local = new Date(instant.getTime() + offsetMs(instant.getTime(), zone))
  return { year: local.getUTCFullYear(), month: local.getUTCMonth() + 1, day: local.getUTCDate(), hour: local.getUTCHours() }
}
