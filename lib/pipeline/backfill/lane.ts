import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Lane, Waiting } from './dispatch.ts'
import type { Job } from './messages.ts'
import { startWorker, type Worker, type WorkerOptions } from './worker.ts'

/** What lanes have in common. */
export interface LaneTools {
  /** The run's own folder, in which each worker has one. */
  readonly folder: string
  /** Options of the worker that works in this folder. */
  worker(workspace: string): WorkerOptions
  job(waiting: Waiting): Job
  /** Called when a partition begins in a process; what it gives is called at its end, and says whether memory was too short for it. */
  watch(waiting: Waiting, pid: number): () => string | undefined
  /** Aborted: what runs is stopped. */
  readonly signal: AbortSignal
}

let started = 0

/** A lane of workers: one at a time, in whose place comes another one when it has died. */
export function openLane({ folder, worker, job, watch, signal }: LaneTools): Lane {
  let current: { readonly worker: Worker; readonly workspace: string } | undefined
  const stop = () => current?.worker.abort()
  signal.addEventListener('abort', stop)

  const begin = () => {
    const workspace = join(folder, `worker-${++started}`)
    return { workspace, worker: startWorker(worker(workspace)) }
  }
  const end = async () => {
    const ending = current
    current = undefined
    await ending?.worker.close()
    if (ending) await rm(ending.workspace, { recursive: true, force: true }).catch(() => undefined)
  }

  return {
    run: async (waiting) => {
      // One that died while it had nothing to do has cost nobody an attempt.
      if (current?.worker.dead()) await end()
      current ??= begin()
      const { worker } = current
      const left = worker.pid === undefined ? () => undefined : watch(waiting, worker.pid)
      let memory: string | undefined
      const outcome = await worker.run(job(waiting)).finally(() => {
        memory = left()
      })
      if (!('how' in outcome)) return outcome
      await end()
      return { ...outcome, ...(memory !== undefined && { memory }) }
    },
    close: async () => {
      signal.removeEventListener('abort', stop)
      await end()
    },
  }
}
