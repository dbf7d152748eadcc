import { ConfigError } from '../../core/errors.ts'

/** The next time after `now` at which the clocks of this machine's zone show `HH:MM`. @throws ConfigError for what is no time of day */
export function nextTimeOfDay(text: string, now: Date): Date {
  const [, hours, minutes] = /^(\d{1,2}):(\d{2})$/.exec(text) ?? []
  if (hours === undefined || minutes === undefined || Number(hours) > 23 || Number(minutes) > 59)
    throw new ConfigError(`--stop-at ${JSON.stringify(text)} is no time of day; expected the form 06:00`)
  // Each day anew: a time that the clock skips is another one that day, and itself on the next.
  const on = (day: number) => new Date(now.getFullYear(), now.getMonth(), now.getDate() + day, Number(hours), Number(minutes))
  return on(0) > now ? on(0) : on(1)
}
