import { thisMachine } from '../../config/limits.ts'
import type { EventSink } from '../../observe/events.ts'
import type { Partition } from '../define/partitions.ts'
import { notifyingFolders } from '../notice/notices.ts'
import type { Project } from '../project.ts'
import type { PartitionReport, RunReport } from '../report.ts'
import { attemptUnit } from '../run/attempt.ts'
import { endRun, tellPending } from '../run/end-run.ts'
import { wantsShared } from '../run/run.ts'
import { type Running, whileRunning } from '../run/running.ts'
import { scanOnce } from '../run/scan-once.ts'
import { versions } from '../run/versions.ts'
import { type BudgetOptions, divide, limitsBeforeWorkers } from './budget.ts'
import { candidatesOf } from './candidates.ts'
import { ownLimits, servedBook } from './desk.ts'
import { type EnduranceOptions, endurance } from './endurance.ts'
import { forecastHeld } from './forecast-held.ts'
import { limitBook } from './limit-book.ts'
import { memoryPlan } from './memory-plan.ts'
import { type Bounds, runPartitions, type SharedBooks } from './run-partitions.ts'
import { type Selection, select } from './select.ts'
import { nextTimeOfDay } from './stop-at.ts'

/** What `millrace backfill` is given. */
export interface BackfillOptions extends Selection, BudgetOptions, EnduranceOptions {
  /** Compute again from what has landed, even where the input key is the same. */
  readonly force?: boolean
  /** Read sources again, even where a complete window has landed. */
  readonly refresh?: boolean
  readonly events?: EventSink
  /** Aborted when no other partition is to begin; those that run end. */
  readonly drain?: AbortSignal
  /** Aborted to stop also those that run. */
  readonly signal?: AbortSignal
}

/** Loads of other workers come soon after. */
const KEEP_OPEN_MS = 500
/** All threads of all processes are looked at. */
const MEMORY_INTERVAL_MS = 1_000

/**
 * Runs many partitions of a pipeline at once, each in a process of its own that commits, fails and is tried again for itself. What they share is computed first, here, and here is what they are loaded by: a warehouse has
 * one writer. Named deliveries of all partitions are switched at the end, where all of them succeeded. Writes the run record and the ledger, as `run` does.
 * @throws ConfigError before anything was run: the pipeline, the configuration or the choice is wrong
 */
export function backfill(project: Project, name: string, options: BackfillOptions = {}): Promise<RunReport> {
  return whileBackfilling(project, name, options, async ({ running, partitions, bounds, shared, stopped }) => {
    const begun = performance.now()
    const reports = await runAll(running, partitions, bounds, shared)
    const took = { seconds: (performance.now() - begun) / 1000, peakBytes: running.memory.peakBytes() }
    return endRun(running, reports, { stopped: stopped(reports), forecast: forecastHeld(bounds.memory, reports, took) })
  })
}

/** A backfill that is open, and what it is to run. */
export interface Backfilling {
  readonly running: Running
  readonly partitions: readonly Partition[]
  readonly bounds: Bounds
  readonly shared: SharedBooks
  /** The exit code of one that has left something undone because it was asked to; undefined where it has not. */
  stopped(reports: readonly Pick<PartitionReport, 'outcome'>[]): number | undefined
}

/** Opens a backfill, chooses its partitions and divides what it may use among them, does `work`, and closes it. @throws ConfigError as `backfill` does */
export async function whileBackfilling<T>(
  project: Project,
  name: string,
  options: BackfillOptions,
  work: (backfilling: Backfilling) => Promise<T>,
): Promise<T> {
  const { refresh = false, force = false, events, signal } = options
  const { maxFailures, attempts } = endurance(options)
  const { config } = project
  const machineBytes = thisMachine().memoryBytes
  const limits = limitsBeforeWorkers(config.limits, options, machineBytes)
  const stop = stoppingAt(options.stopAt, options.drain)
  const book = limitBook()
  const served = servedBook(config.connections)
  const limitsOf = (connection: string) => ownLimits(connection, config.connections[connection]?.sessions ?? 1, { limits: book, served })
  try {
    return await whileRunning(
      { ...project, config: { ...config, limits } },
      name,
      {
        choices: { refresh, force, only: undefined },
        keepGoing: maxFailures > 1,
        limitsOf,
        keepOpenMs: KEEP_OPEN_MS,
        memoryIntervalMs: MEMORY_INTERVAL_MS,
        ...(events && { events }),
        ...(signal && { signal }),
      },
      async (running) => {
        // Workers will open the same.
        const startSeconds = (Date.now() - running.startedAt.getTime()) / 1000
        const now = running.clock.now()
        const restated = options.stale ? running.context(undefined, running.workspace.folder) : undefined
        const candidates = await candidatesOf(running.session, running.ledger, now, restated)
        const chosen = select(running.session.pipeline.definition, options, candidates, now)
        const budget = divide(config.limits, options, chosen.length)
        const memory = memoryPlan(budget, running.ledger.cells(name), machineBytes, startSeconds)
        const bounds = { budget, memory, attempts, maxFailures, drain: AbortSignal.any([stop.signal, running.signal]) }
        const partitions = chosen.map(({ partition }) => partition)
        const stopped = (reports: readonly Pick<PartitionReport, 'outcome'>[]) => {
          const left = reports.some(({ outcome }) => outcome === 'notRun' || outcome === 'stopped')
          return left && bounds.drain.aborted ? (stop.inTime() ? 75 : 130) : undefined
        }
        return work({ running, partitions, bounds, shared: { book, served, events }, stopped })
      },
    )
  } finally {
    stop[Symbol.dispose]()
    await served.close()
  }
}

/** What partitions share first; then they. */
async function runAll(
  running: Running,
  partitions: readonly Partition[],
  bounds: Bounds,
  shared: SharedBooks,
): Promise<readonly PartitionReport[]> {
  const { ledger, name, id, project, startedAt, session, context, workspace } = running
  ledger.beginRun({ run: id, pipeline: name, profile: project.config.profile, startedAt, versions: versions() })
  await tellPending(running)
  const runThem = async () => {
    // Before there are workers: it has the whole budget. Nothing of it is kept, so it is not finished for partitions that are not to begin.
    const ctx = { ...context(undefined, workspace.folder), signal: bounds.drain }
    await using _scans = await scanOnce(session, partitions, ctx, bounds.attempts)
    await session.sources.rest()
    await session.restReader()
    return await runPartitions(running, partitions, bounds, shared)
  }
  if (!wantsShared(session, partitions.length > 0)) return runThem()
  const begun = { run: id, pipeline: name, partition: '' }
  const attempted = await attemptUnit(running, undefined, partitions.length > 0, () => ledger.beginPartition({ ...begun, at: new Date() }))
  ledger.endPartition({ run: id, pipeline: name, at: new Date(), ...attempted })
  const { report } = attempted
  if (report.outcome !== 'unchanged') await tellPending(running, notifyingFolders(session.pipeline, { partition: undefined }))
  await session.sources.rest()
  const failed = report.outcome === 'failed' || report.outcome === 'stopped' || report.outcome === 'notRun'
  if (failed)
    return [report, ...partitions.map((left) => ({ partition: left.name, outcome: 'notRun' as const, ms: 0, steps: [], rssBytes: 0 }))]
  return [report, ...(await runThem())]
}

/** The signal to drain: a person's, or the time of day. */
function stoppingAt(stopAt: string | undefined, drain: AbortSignal | undefined) {
  const timed = new AbortController()
  const now = new Date()
  const timer =
    stopAt === undefined
      ? undefined
      : setTimeout(() => timed.abort(new Error(`it is ${stopAt}`)), nextTimeOfDay(stopAt, now).getTime() - now.getTime()).unref()
  return {
    signal: drain ? AbortSignal.any([timed.signal, drain]) : timed.signal,
    /** It was the time, and nobody else. */
    inTime: () => timed.signal.aborted && !drain?.aborted,
    [Symbol.dispose]: () => clearTimeout(timer),
  }
}
