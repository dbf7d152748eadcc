import type { RunEvent } from '../core/context.ts'
import { redact } from '../core/secret.ts'
import type { Paint, TerminalStream } from './color.ts'
import { painter } from './color.ts'
import type { EventPlace, EventSink } from './events.ts'
import { formatBytes, formatCount, formatDuration, formatRows } from './units.ts'
import { visible } from './width.ts'

interface Counts {
  readonly rows?: number | undefined
  readonly totalRows?: number | undefined
  readonly bytes?: number | undefined
}

/** Counts as `1,234 rows  3.4 MB` or `500 of 1,234 rows`, what is known of them. */
export function countsText({ rows, totalRows, bytes }: Counts): string {
  const part = rows === undefined ? '' : `${formatCount(rows)} `
  const ofRows = totalRows !== undefined ? `${part}of ${formatRows(totalRows)}` : rows !== undefined && formatRows(rows)
  return [ofRows, bytes !== undefined && formatBytes(bytes)].filter(Boolean).join('  ')
}

/** `quakes 2018-02-04 load daily fct_daily`, `quakes 2018-02-04 land quake of 2018-02-03`: whose event it is. */
export function subjectText(event: RunEvent, place: EventPlace): string {
  const target = event.type === 'stage' ? event.target?.replaceAll('{partition}', place.partition ?? '') : undefined
  const dataset = 'dataset' in event ? event.dataset : undefined
  const of = event.of === undefined ? undefined : `of ${event.of}`
  return visible(
    [place.pipeline, place.partition, 'stage' in event ? event.stage : undefined, dataset, target, of].filter(Boolean).join(' '),
  )
}

/** The line that stays when something is over: a stage that did something, failed or was stopped, a retry, a warning. Undefined for all else. */
export function lastingLine(event: RunEvent, place: EventPlace, paint: Paint): string | undefined {
  const subject = subjectText(event, place)
  const line = (() => {
    switch (event.type) {
      case 'stage':
        if (event.phase === 'start' || event.outcome === 'unchanged' || event.outcome === 'skipped') return undefined
        if (event.outcome === 'stopped') return `${paint('yellow', '!')} ${subject}  stopped  ${formatDuration(event.ms)}`
        return event.outcome === 'failed'
          ? `${paint('red', '✗')} ${subject}  failed  ${formatDuration(event.ms)}`
          : `${paint('green', '✓')} ${[subject, countsText(event), formatDuration(event.ms)].filter(Boolean).join('  ')}`
      case 'retry':
        return `${paint('yellow', '!')} ${subject}  retry ${event.attempt} in ${formatDuration(event.delayMs)}: ${visible(event.reason)}`
      case 'warning':
        return `${paint('yellow', '!')} ${subject}  ${visible(event.message)}`
      case 'notice':
        return `${paint('green', '✓')} ${subject}  ${visible(`told ${event.receiver} of switch ${event.switch} of ${event.target}`)}  ${formatDuration(event.ms)}`
      case 'unit':
        return event.phase === 'start' ? undefined : unitLine(event, subject, paint)
      case 'progress':
      case 'standing':
        return undefined
    }
  })()
  return line === undefined ? undefined : redact(line)
}

function unitLine(event: RunEvent & { readonly type: 'unit'; readonly phase: 'end' }, subject: string, paint: Paint): string | undefined {
  const { outcome, ms, rows, reason, attempt } = event
  const why = reason === undefined ? '' : `: ${visible(reason.split('\n', 1)[0] ?? '')}`
  const said = [subject, rows !== undefined && formatRows(rows), formatDuration(ms)].filter(Boolean).join('  ')
  switch (outcome) {
    case 'notRun':
      return undefined
    case 'failed':
      return `${paint('red', '✗')} ${subject}  failed  ${formatDuration(ms)}${why}`
    case 'again':
      return `${paint('yellow', '!')} ${subject}  attempt ${attempt} failed, and is made again${why}`
    case 'held':
      return `${paint('yellow', '!')} ${subject}  waits${why}`
    case 'stopped':
      return `${paint('yellow', '!')} ${subject}  stopped  ${formatDuration(ms)}`
    default:
      return `${paint('green', '✓')} ${said}${outcome === 'done' ? '' : `  ${outcome}`}`
  }
}

/** Plain lines for people where no cursor can be moved: one when a stage has ended, a retry, a warning. */
export function plainLines(stream: TerminalStream, options: { readonly color: boolean }): EventSink {
  const paint = painter(options.color)
  return {
    event: (event, place) => {
      const line = lastingLine(event, place, paint)
      if (line !== undefined) stream.write(`${line}\n`)
    },
    close: () => {},
  }
}
