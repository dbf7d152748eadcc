import { ConfigError } from './errors.ts'

const units: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }

/** Milliseconds of a duration text: `'90s'`, `'30m'`, `'12h'`, `'3d'`, `'2w'`. A day is 24 hours. @throws ConfigError for a text that is none */
export function durationMs(text: string): number {
  const match = /^(\d+)([smhdw])$/.exec(text.trim())
  const unit = match?.[2] && units[match[2]]
  if (!match || !unit)
    throw new ConfigError(`not a duration: ${JSON.stringify(text)}; expected a whole number with s, m, h, d or w, as '3d'`)
  return Number(match[1]) * unit
}

/** Calendar days of a duration that is written in days or weeks; undefined where it is in hours or less, which are exact. @throws ConfigError as `durationMs` */
export function durationDays(text: string): number | undefined {
  const days = durationMs(text) / 86_400_000
  return /[dw]$/.test(text.trim()) ? days : undefined
}
