/** An instant on the clock of a zone, with what that is ahead of UTC: `2026-03-29 03:00 +02:00`. */
export function zonedTime(instant: string, zone: string): string {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    timeZoneName: 'longOffset',
  })
  const parts = Object.fromEntries(format.formatToParts(new Date(instant)).map(({ type, value }) => [type, value]))
  const offset = zone === 'UTC' ? zone : parts.timeZoneName?.replace(/^GMT(?=.)/, '')
  return `${parts.year}-${parts.month}-${parts.day} ${parts.hour}:${parts.minute} ${offset}`
}
