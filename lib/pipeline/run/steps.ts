import type { RunEvent } from '../../core/context.ts'
import type { EventSink } from '../../observe/events.ts'
import type { MemoryWatch, StepMemory } from '../../observe/memory.ts'
import type { StepReport } from '../report.ts'

/** A sink that keeps what the run record wants: the end of each stage, warnings, and how often something was retried. */
export interface StepCollector extends EventSink {
  /** Steps of a partition ('' for the shared datasets), in the order in which they ended. */
  steps(partition: string): readonly StepReport[]
  /** Forgets those of a partition that is over. */
  forget(partition: string): void
  readonly warnings: readonly string[]
  readonly retries: number
}

/** `memory`: by which the memory of each step is measured; absent: it is not. */
export function stepCollector(memory?: Pick<MemoryWatch, 'step'>): StepCollector {
  const measuring = new Map<string, () => StepMemory>()
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
      if (event.type !== 'stage') return
      const { stage, dataset = '', of, target } = event
      const name = [partition, stage, dataset, of, target].join('\0')
      if (event.phase === 'start') {
        if (memory) measuring.set(name, memory.step())
        return
      }
      const { outcome, rows, bytes, inputRows, inputBytes, inputKey, files, counts, ms } = event
      const took = measuring.get(name)?.()
      measuring.delete(name)
      const step = {
        stage,
        partition,
        dataset,
        ...(of !== undefined && { of }),
        ...(target !== undefined && { target }),
        outcome,
        ...(rows !== undefined && { rows }),
        ...(bytes !== undefined && { bytes }),
        ...(inputRows !== undefined && { inputRows }),
        ...(inputBytes !== undefined && { inputBytes }),
        ...(inputKey !== undefined && { inputKey }),
        ...(took && { peakBytes: took.peakBytes }),
        ...(took && took.spilledBytes > 0 && { spilledBytes: took.spilledBytes }),
        ...(files !== undefined && { files }),
        ...(counts !== undefined && { counts }),
        ms,
      }
      steps.set(partition, [...(steps.get(partition) ?? []), step])
    },
    close: () => {},
    steps: (partition) => steps.get(partition) ?? [],
    forget: (partition) => void steps.delete(partition),
    warnings,
    get retries() {
      return retries
    },
  }
}
