import { systemClock } from '../../core/clock.ts'
import type { RunEvent } from '../../core/context.ts'
import { ConfigError } from '../../core/errors.ts'
import type { EventSink } from '../../observe/events.ts'
import { kernelKills } from '../../observe/proc.ts'
import type { TargetComparison } from '../compare/compare-report.ts'
import type { Partition } from '../define/partitions.ts'
import { notifyingFolders } from '../notice/notices.ts'
import type { PartitionReport } from '../report.ts'
import { checksPartitionsAlone } from '../run/checked.ts'
import { tellPending } from '../run/end-run.ts'
import { partitionsSeen } from '../run/landed.ts'
import type { Running } from '../run/running.ts'
import { extractedOf, type Session } from '../run/session.ts'
import { admission } from './admit.ts'
import type { Budget } from './budget.ts'
import { codeOf } from './code-of.ts'
import { type Counter, inTurn, openDesk, type ServedBook } from './desk.ts'
import { dispatch, type Waiting } from './dispatch.ts'
import { type LaneTools, openLane } from './lane.ts'
import type { LimitBook } from './limit-book.ts'
import { guardMemory } from './memory-guard.ts'
import type { MemoryPlan } from './memory-plan.ts'
import type { Job, Start } from './messages.ts'
import { stagedFromData } from './staged-data.ts'
import { standing } from './standing.ts'
import type { WorkerOptions } from './worker.ts'

/** What is done at once, what it may use, and when it ends before all is done. */
export interface Bounds {
  readonly budget: Budget
  readonly memory: MemoryPlan
  readonly attempts: number
  readonly maxFailures: number
  readonly drain: AbortSignal
}

/** What the processes of a backfill share. */
export interface SharedBooks {
  readonly book: LimitBook
  readonly served: ServedBook
  /** Where events go besides the run record. */
  readonly events: EventSink | undefined
  /** Given where partitions are compared: nothing of them is committed but what lands, and the ledger remembers no attempt. */
  readonly comparing?: Comparing
}

/** Where candidates lie, and who is told what was found. */
export interface Comparing {
  readonly folder: string
  found(partition: string, compared: readonly TargetComparison[]): void
}

/** Runs the partitions in workers, once what they share is there. Gives a report of each; one that was not run is among them. */
export async function runPartitions(
  running: Running,
  partitions: readonly Partition[],
  { budget, memory, attempts, maxFailures, drain }: Bounds,
  { book, served, events, comparing }: SharedBooks,
): Promise<readonly PartitionReport[]> {
  const { session, ledger, name, id, signal, context, workspace } = running
  if (partitions.length === 0) return []
  const counter: Counter = {
    warehouse: () => session.warehouse(),
    context: (partition) => ({ ...context(partition === '' ? undefined : partition, workspace.folder), limits: budget.parent }),
    pipeline: name,
    committed: (token) => session.tokens.set(token),
    ...{ limits: book, served, signal },
  }
  const loading = inTurn()
  const begin = startOf(running, budget, events, comparing)
  const code = codeOf(session)
  const worker = (folder: string): WorkerOptions => ({
    start: { ...begin, workspace: folder },
    code,
    desk: openDesk(counter, loading),
    begun: (partition) => {
      if (!comparing) ledger.beginPartition({ run: id, pipeline: name, partition, at: new Date() })
    },
    event: (event, partition) => passOn(running, events, event, partition),
    changed: () =>
      new ConfigError(`the files of pipeline "${name}" were changed while it was backfilled`, {
        pipeline: name,
        hint: 'run the same command again: what is done stays, and the rest is made by the code of today',
      }),
  })
  const guards = checksPartitionsAlone(session.pipeline)
  const tables = session.pipeline.targets.flatMap((target) => (target.stage === 'load' && target.partitioned ? [target.load.table] : []))
  /** One that is larger than all workers' part runs alone from the beginning. */
  const isAlone = ({ partition, alone }: Pick<Waiting, 'partition' | 'alone'>) =>
    alone || memory.forecast(partition.name).peakBytes > memory.budget.workersBytes
  const unread = session.refresh ? new Set(partitions.map((each) => each.name)) : new Set<string>()
  const job = ({ partition, alone }: Waiting): Job => ({
    ...{ type: 'run' as const, partition, guards, limits: isAlone({ partition, alone }) ? memory.budget.alone : memory.budget.worker },
    tokens: [...new Set(tables)].flatMap((table) => session.tokens.get(table, partition.name) ?? []),
    // In a run they have been read again before: here their turn may come later, or they are at work.
    again: lookedBackOn(session, partition).filter((each) => unread.has(each)),
  })
  using guard = guardMemory(memory.budget.wholeBytes)
  const watch: LaneTools['watch'] = ({ partition, alone }, pid) => {
    const kills = kernelKills()
    const left = guard.watch(pid, alone ? memory.budget.workersBytes : memory.forecast(partition.name).peakBytes)
    return () => left() ?? ((kernelKills() ?? 0) > (kills ?? 0) ? 'the kernel ended processes for want of memory' : undefined)
  }
  const tools: LaneTools = { folder: workspace.folder, worker, job, watch, signal }
  using told = standing(partitions.length, (event) => context(undefined, workspace.folder).emit(event), events?.live === true)
  let telling: Promise<void> = Promise.resolve()
  const record = (report: PartitionReport, more: { readonly inputKey?: string | undefined } = {}) => {
    if (comparing) return
    const { inputKey } = more
    ledger.endPartition({ run: id, pipeline: name, at: new Date(), report, ...(inputKey !== undefined && { inputKey }) })
  }
  const needOf = ({ partition, alone }: Waiting) => ({ bytes: memory.forecast(partition.name).peakBytes, alone })
  const reports = await dispatch({
    ...{
      partitions,
      pipeline: name,
      lanes: budget.jobs,
      admit: admission(memory.budget.workersBytes, needOf, ({ partition }) => partition.name),
      attempts,
      maxFailures,
      drain,
    },
    clock: systemClock,
    nowMs: () => performance.now(),
    openLane: () => openLane(tools),
    began: ({ partition, attempt }) => context(partition.name, workspace.folder).emit({ type: 'unit', phase: 'start', attempt }),
    again: ({ partition, attempt }, report, reason, counts) => {
      if (counts) record(report)
      const outcome = counts ? 'again' : 'held'
      context(partition.name, workspace.folder).emit({ type: 'unit', phase: 'end', outcome, attempt, ms: report.ms, reason })
    },
    ended: (report, { partition, attempt }, outcome) => {
      unread.delete(partition.name)
      record(report, outcome)
      for (const key of outcome?.pinned ?? []) session.pinned.add(key)
      if (report.outcome !== 'failed') for (const each of outcome?.staged ?? []) session.staged.add(stagedFromData(each, session.pipeline))
      if (outcome && comparing) comparing.found(report.partition, outcome.compared ?? [])
      const rows = rowsOf(report)
      context(partition.name, workspace.folder).emit({
        ...{ type: 'unit', phase: 'end', outcome: report.outcome, attempt, ms: report.ms },
        ...(rows !== undefined && { rows }),
        ...(report.error && { reason: report.error.message }),
      })
      told.ended(report)
      if (report.outcome !== 'unchanged' && !comparing) {
        const folders = notifyingFolders(session.pipeline, { partition: partition.name })
        telling = telling.then(() => tellPending(running, folders))
      }
    },
  })
  await telling
  return reports
}

/** Earlier partitions that a partition's look-backs show. */
function lookedBackOn(session: Session, partition: Partition): readonly string[] {
  const seen = extractedOf(session, true).flatMap((dataset) => partitionsSeen(session.pipeline, dataset, partition))
  return [...new Set(seen.map(({ name }) => name))].filter((name) => name !== partition.name)
}

/** What every worker is told at its beginning, but for its folder. */
function startOf(
  { session, project, name, id }: Running,
  { jobs, worker: limits }: Budget,
  events: EventSink | undefined,
  comparing: Comparing | undefined,
): Start {
  const { config } = project
  const connections = Object.entries(config.connections).flatMap(([each, { sessions }]) =>
    sessions === undefined ? [] : [[each, Math.max(1, Math.floor(sessions / jobs))] as const],
  )
  const { refresh, force } = session.choices
  return {
    ...{ type: 'start', folder: config.folder, profile: config.profile, pipeline: name, run: id, workspace: '', limits },
    choices: { refresh, force },
    ...(comparing && { aside: comparing.folder }),
    live: events?.live ?? false,
    connections: Object.fromEntries(connections),
    shared: [...session.shared.values()].map((dataset) => ({ ...dataset, files: [...dataset.files] })),
    whole: [...session.whole.values()],
    scans: Object.fromEntries(session.scans),
    pinned: [...session.pinned],
  }
}

/** A worker's event goes on as it is; the worker's own collector has its steps already. */
function passOn(
  { name, id, context, workspace }: Running,
  events: EventSink | undefined,
  event: RunEvent,
  partition: string | undefined,
): void {
  if (event.type === 'warning' || event.type === 'retry') context(partition, workspace.folder).emit(event)
  else events?.event(event, { pipeline: name, run: id, ...(partition !== undefined && { partition }) })
}

/** Rows that a partition loaded, else those that it delivered, else those that it landed. */
function rowsOf({ steps }: PartitionReport): number | undefined {
  for (const stage of ['load', 'export', 'land'] as const) {
    const done = steps.filter(
      (step) => step.stage === stage && (step.outcome === 'done' || step.outcome === 'staged') && step.of === undefined,
    )
    if (done.length > 0) return done.reduce((sum, { rows = 0 }) => sum + rows, 0)
  }
  return undefined
}
