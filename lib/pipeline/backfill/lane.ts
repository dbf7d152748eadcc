import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Lane } from './dispatch.ts'
import type { Job } from './messages.ts'
import { startWorker, type Worker, type WorkerOptions } from './worker.ts'

/** What lanes have in common. */
export interface LaneTools {
  /** The run's own folder, in which each worker has one. */
  readonly folder: string
  /** Options of the worker that works in this folder. */
  worker(workspace: string): WorkerOptions
  job(partition: Job['partition']): Job
  /** Aborted: what runs is stopped. */
  readonly signal: AbortSignal
}

let started = 0

/** A lane of workers: one at a time, in whose place comes another one when it has died. */
export function openLane({ folder, worker, job, signal }: LaneTools): Lane {
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
    run: async ({ partition }) => {
      current ??= begin()
      const outcome = await current.worker.run(job(partition))
      if ('how' in outcome) await end()
      return outcome
    },
    close: async () => {
      signal.removeEventListener('abort', stop)
      await end()
    },
  }
}
