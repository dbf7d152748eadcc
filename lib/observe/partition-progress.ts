import { painter, type TerminalStream } from './color.ts'
import type { EventSink } from './events.ts'
import { countsText, lastingLine } from './lines.ts'
import { liveBlock, machineTicker, type Ticker } from './live-block.ts'
import { formatBytes, formatCount, formatDuration } from './units.ts'

/** More partitions at once than this are counted, not shown. */
const MAX_LINES = 16

/** The events that leave a line: the end of a partition, warnings, notices; of stages those that are no partition's. */
const lasts = (event: Parameters<EventSink['event']>[0], partition: string | undefined) =>
  event.type !== 'retry' && (event.type !== 'stage' || partition === undefined)

interface Active {
  readonly name: string
  readonly startedMs: number
  /** Its stages at work, by name. */
  readonly stages: Map<
    string,
    { readonly text: string; rows?: number | undefined; totalRows?: number | undefined; bytes?: number | undefined }
  >
}

/** Lines for people where no cursor can be moved: one when a partition has ended. */
export function partitionLines(stream: TerminalStream, options: { readonly color: boolean }): EventSink {
  const paint = painter(options.color)
  return {
    event: (event, place) => {
      const line = lasts(event, place.partition) ? lastingLine(event, place, paint) : undefined
      if (line !== undefined) stream.write(`${line}\n`)
    },
    close: () => {},
  }
}

/**
 * Live lines of a backfill on a terminal: one for each partition at work (its stages, rows, elapsed) and one of totals, pace, rest and memory, below the lasting ones of partitions that are over. All is written on the
 * tick and on `close`, which takes the live lines away.
 */
export function partitionProgress(stream: TerminalStream, options: { readonly color: boolean; readonly ticker?: Ticker }): EventSink {
  const ticker = options.ticker ?? machineTicker
  const paint = painter(options.color)
  const active = new Map<string, Active>()
  const begunMs = ticker.nowMs()
  let totals: Extract<Parameters<EventSink['event']>[0], { type: 'standing' }> | undefined
  const block = liveBlock(stream, {
    ...{ ticker, paint, most: MAX_LINES },
    lines: (nowMs) => ({
      active: [...active.values()].map((each) => activeText(each, nowMs)),
      ...(totals && { last: totalsText(totals, nowMs - begunMs) }),
    }),
  })

  return {
    live: true,
    event: (event, place) => {
      const { partition } = place
      if (event.type === 'standing') totals = event
      else if (event.type === 'unit' && partition !== undefined) {
        if (event.phase === 'start') active.set(partition, { name: partition, startedMs: ticker.nowMs(), stages: new Map() })
        else active.delete(partition)
      } else if (event.type === 'stage' || event.type === 'progress') {
        const stages = active.get(partition ?? '')?.stages
        const key = [event.stage, event.dataset, event.of, event.target].join('\0')
        if (event.type === 'stage' && event.phase === 'start')
          stages?.set(key, { text: [event.stage, event.dataset].filter(Boolean).join(' ') })
        else if (event.type === 'stage') stages?.delete(key)
        else Object.assign(stages?.get(key) ?? {}, { rows: event.rows, totalRows: event.totalRows, bytes: event.bytes })
      }
      const line = lasts(event, partition) ? lastingLine(event, place, paint) : undefined
      if (line !== undefined) block.last(line)
    },
    close: () => block.close(),
  }
}

function activeText({ name, startedMs, stages }: Active, nowMs: number): string {
  const at = [...stages.values()].map((stage) => [stage.text, countsText(stage)].filter(Boolean).join(' '))
  return ['…', name, at.join(', ') || 'begins', formatDuration(nowMs - startedMs)].join('  ')
}

function totalsText(
  { ended, failed, total, leftMs, rssBytes }: Extract<Parameters<EventSink['event']>[0], { type: 'standing' }>,
  elapsedMs: number,
): string {
  const pace = ended > 0 && elapsedMs > 0 ? (ended * 60_000) / elapsedMs : undefined
  return [
    `${formatCount(ended)} of ${formatCount(total)} partitions`,
    failed > 0 && `${formatCount(failed)} failed`,
    pace !== undefined && `${pace < 10 ? pace.toFixed(1) : formatCount(pace)}/min`,
    leftMs !== undefined && ended < total && `${formatDuration(leftMs)} left`,
    rssBytes > 0 && formatBytes(rssBytes),
    formatDuration(elapsedMs),
  ]
    .filter(Boolean)
    .join('  ')
}
