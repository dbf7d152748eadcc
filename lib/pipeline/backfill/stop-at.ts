import { ConfigError } from '../../core/errors.ts'

/** The next time after `now` at which the clocks of this machine's zone show `HH:MM`. @throws ConfigError for what is no time of day */
export function nextTimeOfDay(text: string, now: Date): Date {
  const [, hours, minutes] = /^(\d{1,2}):(\d{2})$/.exec(text) ?? []
  if (hours === undefined || minutes === undefined || Number(hours) > 23 || Number(minutes) > 59)
    throw new ConfigError(`--stop-at ${JSON.stringify(text)} is no time of day; expected the form 06:00`)
  const at = new Date(now)
  at.setHours(Number(hours), Number(minutes), 0, 0)
  if (at <= now) at.setDate(at.getDate() + 1)
  return at
}
