import type { RunEvent } from '../../core/context.ts'
import type { EventSink } from '../../observe/events.ts'
import type { StepReport } from '../report.ts'

/** A sink that keeps what the run record wants: the end of each stage, warnings, and how often something was retried. */
export interface StepCollector extends EventSink {
  /** Steps of a partition ('' for the shared datasets), in the order in which they ended. */
  steps(partition: string): readonly StepReport[]
  readonly warnings: readonly string[]
  readonly retries: number
}

export function stepCollector(): StepCollector {
  const steps = new Map<string, StepReport[]>()
  const warnings: string[] = []
  let retries = 0
  return {
    event(event: RunEvent, { partition = '' }) {
      if (event.type === 'retry') retries++
      if (event.type === 'warning')
        warnings.push(
          [event.of ?? partition, event.dataset].filter(Boolean).join(' ') + (partition || event.dataset ? ': ' : '') + event.message,
        )
      if (event.type !== 'stage' || event.phase !== 'end') return
      const { stage, dataset = '', of, target, outcome, rows, bytes, files, counts, ms } = event
      const step = {
        stage,
        partition,
        dataset,
        ...(of !== undefined && { of }),
        ...(target !== undefined && { target }),
        outcome,
        ...(rows !== undefined && { rows }),
        ...(bytes !== undefined && { bytes }),
        ...(files !== undefined && { files }),
        ...(counts !== undefined && { counts }),
        ms,
      }
      steps.set(partition, [...(steps.get(partition) ?? []), step])
    },
    close: () => {},
    steps: (partition) => steps.get(partition) ?? [],
    warnings,
    get retries() {
      return retries
    },
  }
}
