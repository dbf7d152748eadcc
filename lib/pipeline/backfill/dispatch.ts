import type { Clock } from '../../core/clock.ts'
import { errorReport } from '../../observe/error-report.ts'
import type { Partition } from '../define/partitions.ts'
import type { PartitionReport } from '../report.ts'
import { afterAttempt } from './attempts.ts'
import type { Ended } from './messages.ts'
import type { Death } from './worker.ts'

/** A partition that waits for its turn. */
export interface Waiting {
  readonly partition: Partition
  /** From 1: the attempt that is next. */
  readonly attempt: number
  /** How often another run was found at work on it. */
  readonly held: number
  /** Not before, in milliseconds that only grow. */
  readonly notBeforeMs: number
  /** Beside others it took too much memory: it has all of it, and nothing runs beside it. */
  readonly alone: boolean
  /** What it comes to if it gets no turn any more; absent: it was not tried yet. */
  readonly last?: PartitionReport
}

/** A place where partitions are run, one at a time: a worker, and the next one when that has died. */
export interface Lane {
  /** @throws what keeps all partitions from being run */
  run(waiting: Waiting): Promise<Ended | Death>
  close(): Promise<void>
}

/** Which partition may begin now, of those whose time has come, in their order; undefined: none, until one that runs has ended. The one place that decides how much is done at once. */
export type Admission = (ready: readonly Waiting[], running: readonly Waiting[]) => Waiting | undefined

export interface DispatchOptions {
  readonly partitions: readonly Partition[]
  readonly pipeline: string
  readonly lanes: number
  openLane(): Lane
  readonly admit: Admission
  /** Of one partition, where its failure may be passing, or its worker died. */
  readonly attempts: number
  /** After so many failed partitions no other begins. */
  readonly maxFailures: number
  /** Aborted when no other partition is to begin; those that run end. */
  readonly drain: AbortSignal
  readonly clock: Pick<Clock, 'sleep'>
  nowMs(): number
  began?(waiting: Waiting): void
  ended?(report: PartitionReport, waiting: Waiting, outcome?: Ended): Promise<void> | void
  /** It is tried again; `report` is what this attempt came to, and `counts` whether it was one. */
  again?(waiting: Waiting, report: PartitionReport, reason: string, counts: boolean): void
}

/** Runs partitions in lanes until all have ended, or no other is to begin. Gives a report of each, in the order given. What a lane throws is the failure of its partition, and no other begins. */
export async function dispatch(options: DispatchOptions): Promise<readonly PartitionReport[]> {
  const { partitions, lanes, admit, maxFailures, drain, nowMs } = options
  let waiting: readonly Waiting[] = partitions.map((partition) => ({ partition, attempt: 1, held: 0, notBeforeMs: 0, alone: false }))
  const running = new Set<Waiting>()
  const reports = new Map<string, PartitionReport>()
  let [failures, broken] = [0, false]
  let changed = Promise.withResolvers<void>()
  const change = () => {
    changed.resolve()
    changed = Promise.withResolvers()
  }
  drain.addEventListener('abort', change, { once: true })

  /** The next partition for a lane, when it may begin; undefined: there is nothing more for it to do. */
  async function next(): Promise<Waiting | undefined> {
    for (;;) {
      if (drain.aborted || broken || failures >= maxFailures) return undefined
      if (waiting.length === 0 && running.size === 0) return undefined
      const now = nowMs()
      const chosen = admit(
        waiting.filter(({ notBeforeMs }) => notBeforeMs <= now),
        [...running],
      )
      if (chosen) {
        waiting = waiting.filter((each) => each !== chosen)
        running.add(chosen)
        return chosen
      }
      await sleepUntil(Math.min(...waiting.map(({ notBeforeMs }) => notBeforeMs).filter((at) => at > now)))
    }
  }

  /** Until something has changed, or that moment. */
  async function sleepUntil(atMs: number): Promise<void> {
    const over = changed.promise
    if (!Number.isFinite(atMs)) return over
    const woken = new AbortController()
    const asleep = options.clock.sleep(Math.max(1, atMs - nowMs()), woken.signal).catch(() => undefined)
    await Promise.race([asleep, over])
    woken.abort()
  }

  async function runOne(lane: Lane, mine: Waiting): Promise<void> {
    const { partition, attempt, held, alone } = mine
    const begun = nowMs()
    options.began?.(mine)
    let outcome: Ended | Death
    try {
      outcome = await lane.run(mine)
    } catch (error) {
      broken = true
      const report = { partition: partition.name, outcome: 'failed' as const, ms: 0, steps: [], rssBytes: 0, error: errorReport(error) }
      return over(report, mine)
    }
    const ms = nowMs() - begun
    const verdict = afterAttempt(
      { pipeline: options.pipeline, partition: partition.name, attempt, held, alone, ms },
      outcome,
      options.attempts,
    )
    const { report } = verdict
    if (verdict.again && !drain.aborted) {
      options.again?.(mine, report, verdict.reason, verdict.counts)
      const counted = verdict.counts ? { attempt: attempt + 1, held } : { attempt, held: held + 1 }
      waiting = [
        ...waiting,
        { partition, ...counted, alone: alone || verdict.alone === true, notBeforeMs: nowMs() + verdict.afterMs, last: report },
      ]
      return
    }
    await over(report, mine, 'how' in outcome ? undefined : outcome)
  }

  async function over(report: PartitionReport, mine: Waiting, outcome?: Ended): Promise<void> {
    reports.set(report.partition, report)
    if (report.outcome === 'failed') failures++
    await options.ended?.(report, mine, outcome)
  }

  async function work(): Promise<void> {
    let lane: Lane | undefined
    try {
      for (let mine = await next(); mine; mine = await next()) {
        lane ??= options.openLane()
        try {
          await runOne(lane, mine)
        } finally {
          running.delete(mine)
          change()
        }
      }
    } finally {
      await lane?.close()
    }
  }

  await Promise.all(Array.from({ length: lanes }, work))
  for (const left of waiting) {
    const { partition, last } = left
    if (last?.outcome === 'failed' && last.error?.kind !== 'HeldError') await over(last, left)
    else reports.set(partition.name, { partition: partition.name, outcome: 'notRun', ms: 0, steps: [], rssBytes: 0 })
  }
  return partitions.flatMap(({ name }) => reports.get(name) ?? [])
}
