import type { Limits } from '../../core/context.ts'
import { type Budget, OF_THE_MACHINE, OWN_BYTES } from './budget.ts'

/** How much memory the processes of a backfill may hold, all together. */
export interface MemoryBudget {
  /** The parent and all workers. */
  readonly wholeBytes: number
  /** What the parent holds beside its loads. */
  readonly parentOwnBytes: number
  /** What partitions at work may take, together. */
  readonly workersBytes: number
  /** What each of them gets where nothing is known of how much it takes. */
  readonly shareBytes: number
  /** A worker's limits beside others. */
  readonly worker: Limits
  /** A worker's limits where nothing else runs. */
  readonly alone: Limits
}

/** Where the machine itself has less than its processes need. */
const LEAST_ENGINE_BYTES = 64 * 2 ** 20

/**
 * Divides `--memory` by what processes really hold: the parent has what its loads may take, the workers the rest, each an equal share, of which its engine has what the process itself does not need. The whole is never more than
 * nine tenths of the machine's memory, or of the container's.
 */
export function memoryBudget({ jobs, memoryBytes, threads, parent, worker }: Budget, machineBytes: number): MemoryBudget {
  const wholeBytes = Math.floor(Math.min(memoryBytes, machineBytes * OF_THE_MACHINE))
  const workersBytes = Math.max(wholeBytes - parent.memoryBytes - OWN_BYTES, Math.floor(wholeBytes / 2))
  const shareBytes = Math.floor(workersBytes / jobs)
  const engine = (bytes: number) => Math.max(LEAST_ENGINE_BYTES, bytes - OWN_BYTES)
  return {
    ...{ wholeBytes, parentOwnBytes: OWN_BYTES, workersBytes, shareBytes },
    worker: { ...worker, memoryBytes: Math.min(worker.memoryBytes, engine(shareBytes)) },
    alone: { ...worker, threads, memoryBytes: Math.max(worker.memoryBytes, engine(workersBytes)) },
  }
}
