import { pino } from 'pino'
import type { RunEvent } from '../core/context.ts'
import { redact, redactJson } from '../core/secret.ts'
import type { EventSink } from './events.ts'

/**
 * Writes events as pino's JSON lines: one at the start and one at the end of each stage and of each partition of a backfill, each notice, each retry, each warning; progress is left out. Fields: level, time (ISO 8601, UTC),
 * pipeline, partition, run, stage, dataset, of, target, rows, bytes, ms, outcome, msg. Redacted.
 */
export function jsonLog(stream: { write(line: string): unknown }): EventSink {
  const log = pino(
    { base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (level) => ({ level }) } },
    { write: (line) => void stream.write(line) },
  )
  return {
    event: (event, { pipeline, partition, run }) => {
      if (event.type === 'progress' || event.type === 'standing') return
      const { type: _, ...given } = event
      const fields = 'ms' in given ? { ...given, ms: Math.round(given.ms) } : given
      log[levelOf(event)](redactJson({ pipeline, partition, run, ...fields }), redact(messageOfEvent(event)))
    },
    close: () => {},
  }
}

function levelOf(event: RunEvent): 'info' | 'warn' | 'error' {
  if (event.type === 'notice') return 'info'
  if (event.type === 'unit')
    return event.phase === 'start'
      ? 'info'
      : event.outcome === 'failed'
        ? 'error'
        : event.outcome === 'again' || event.outcome === 'held'
          ? 'warn'
          : 'info'
  if (event.type !== 'stage' || (event.phase === 'end' && event.outcome === 'stopped')) return 'warn'
  return event.phase === 'end' && event.outcome === 'failed' ? 'error' : 'info'
}

function messageOfEvent(event: RunEvent): string {
  if (event.type === 'unit') return `partition ${event.phase === 'start' ? 'starts' : event.outcome}`
  const of = ['stage' in event ? event.stage : undefined, 'dataset' in event ? event.dataset : undefined].filter(Boolean).join(' ')
  if (event.type === 'stage') return `${of} ${event.phase === 'start' ? 'starts' : event.outcome}`
  if (event.type === 'notice') return `${event.receiver} is told of switch ${event.switch} of ${event.target}`
  return event.type === 'retry' ? `${of} is tried again` : event.type === 'warning' ? event.message : of
}
