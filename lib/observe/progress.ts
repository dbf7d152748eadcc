import { redact } from '../core/secret.ts'
import { painter, type TerminalStream } from './color.ts'
import type { EventPlace, EventSink } from './events.ts'
import { countsText, lastingLine, subjectText } from './lines.ts'
import { formatBytes, formatCount, formatDuration } from './units.ts'
import { truncate } from './width.ts'

/** Milliseconds that only grow, and a way to be called again and again. */
export interface Ticker {
  nowMs(): number
  /** Calls `tick` every `ms` until the function it gives is called. Keeps no process alive. */
  every(ms: number, tick: () => void): () => void
}

export const machineTicker: Ticker = {
  nowMs: () => performance.now(),
  every: (ms, tick) => {
    const timer = setInterval(tick, ms).unref()
    return () => clearInterval(timer)
  },
}

interface Active {
  readonly subject: string
  readonly startedMs: number
  rows: number | undefined
  totalRows: number | undefined
  bytes: number | undefined
}

/** At most ten writes a second. */
const INTERVAL_MS = 100
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
  let lasting: string[] = []
  let drawn = 0

  const draw = (live: boolean) => {
    const width = Math.max(20, (stream.columns || 80) - 1)
    const now = ticker.nowMs()
    const shown = live ? [...active.values()].slice(0, MAX_LINES) : []
    const more = live ? active.size - shown.length : 0
    const lines = [...shown.map((each) => truncate(activeText(each, now), width)), ...(more > 0 ? [`… and ${more} more`] : [])]
    if (lasting.length === 0 && lines.length === 0 && drawn === 0) return
    const erase = drawn > 0 ? `\x1b[${drawn}A\x1b[0J` : ''
    stream.write(redact(erase + [...lasting, ...lines.map((line) => paint('dim', line))].map((line) => `${line}\n`).join('')))
    lasting = []
    drawn = lines.length
  }
  const stop = ticker.every(INTERVAL_MS, () => draw(true))

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
      if (line !== undefined) lasting.push(line)
    },
    close: () => {
      stop()
      draw(false)
    },
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
