import { painter, type TerminalStream } from './color.ts'
import type { EventPlace, EventSink } from './events.ts'
import { countsText, lastingLine, subjectText } from './lines.ts'
import { liveBlock, machineTicker, type Ticker } from './live-block.ts'
import { formatBytes, formatCount, formatDuration } from './units.ts'

interface Active {
  readonly subject: string
  readonly startedMs: number
  rows: number | undefined
  totalRows: number | undefined
  bytes: number | undefined
}

/** More stages at once than this are counted, not shown. */
const MAX_LINES = 8

/**
 * Live lines on a terminal: one for each stage at work (whose, rows, bytes, rate, elapsed) below the lasting ones of what is over. All is written on the tick and on
 * `close`, which takes the live lines away, so that no burst of events writes more often.
 */
export function liveProgress(stream: TerminalStream, options: { readonly color: boolean; readonly ticker?: Ticker }): EventSink {
  const ticker = options.ticker ?? machineTicker
  const paint = painter(options.color)
  const active = new Map<string, Active>()
  const block = liveBlock(stream, {
    ...{ ticker, paint, most: MAX_LINES },
    lines: (nowMs) => ({ active: [...active.values()].map((each) => activeText(each, nowMs)) }),
  })

  return {
    live: true,
    event: (event, place) => {
      const key = keyOf(event, place)
      if (event.type === 'stage' && event.phase === 'start')
        active.set(key, {
          ...{ subject: subjectText(event, place), startedMs: ticker.nowMs() },
          ...{ rows: undefined, totalRows: undefined, bytes: undefined },
        })
      else if (event.type === 'stage') active.delete(key)
      else if (event.type === 'progress') {
        const at = active.get(key)
        if (at) {
          at.rows = event.rows ?? at.rows
          at.totalRows = event.totalRows ?? at.totalRows
          at.bytes = event.bytes ?? at.bytes
        }
      }
      const line = lastingLine(event, place, paint)
      if (line !== undefined) block.last(line)
    },
    close: () => block.close(),
  }
}

function keyOf(event: Parameters<EventSink['event']>[0], place: EventPlace): string {
  const target = 'target' in event ? event.target : undefined
  return JSON.stringify([
    place.pipeline,
    place.partition,
    event.of,
    'stage' in event ? event.stage : '',
    'dataset' in event ? event.dataset : '',
    target,
  ])
}

function activeText({ subject, startedMs, rows, totalRows, bytes }: Active, nowMs: number): string {
  const elapsedMs = nowMs - startedMs
  const perSecond = (count: number) => (count * 1000) / elapsedMs
  const rate =
    elapsedMs < 500
      ? ''
      : rows !== undefined
        ? `${formatCount(perSecond(rows))} rows/s`
        : bytes !== undefined
          ? `${formatBytes(perSecond(bytes))}/s`
          : ''
  return ['…', subject, countsText({ rows, totalRows, bytes }), rate, formatDuration(elapsedMs)].filter(Boolean).join('  ')
}
