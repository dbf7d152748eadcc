import type { RunContext, RunEvent } from '../core/context.ts'

/** Whose event it is: what a RunContext knows of itself. */
export type EventPlace = Pick<RunContext, 'pipeline' | 'run' | 'partition'>

/** An outlet for events: log, progress, record. `event` must return at once; `close` is called once, after the last event. */
export interface EventSink {
  /** Shows `progress` to somebody who looks on. */
  readonly live?: boolean
  event(event: RunEvent, place: EventPlace): void
  close(): void
}

/** One sink for several. An outlet that throws is left out from then on: a full disk behind a log never ends a run. */
export function fanOut(sinks: readonly EventSink[]): EventSink {
  const working = new Set(sinks)
  const each = (action: (sink: EventSink) => void) => {
    for (const sink of working) {
      try {
        action(sink)
      } catch {
        working.delete(sink)
      }
    }
  }
  return {
    live: sinks.some(({ live }) => live),
    event: (event, place) => each((sink) => sink.event(event, place)),
    close: () => each((sink) => sink.close()),
  }
}

/** What a RunContext's `emit` is: sends events to `sink` under the context's place. */
export function emitTo(sink: EventSink, place: EventPlace): RunContext['emit'] {
  const { pipeline, run, partition } = place
  const own: EventPlace = { pipeline, run, ...(partition !== undefined && { partition }) }
  return (event) => sink.event(event, own)
}

/** A sink that keeps nothing. */
export const silent: EventSink = { event: () => {}, close: () => {} }
