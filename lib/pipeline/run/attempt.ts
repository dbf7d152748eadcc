import type { RunContext } from '../../core/context.ts'
import { InterruptedError, OutrunError, placed } from '../../core/errors.ts'
import { errorReport } from '../../observe/error-report.ts'
import { lock, partitionLock, sharedLock } from '../../state/lock.ts'
import { partitionCode } from '../define/input-key.ts'
import type { Partition } from '../define/partitions.ts'
import type { PartitionReport } from '../report.ts'
import { partitionState } from '../state/states.ts'
import { readSharedAgain } from './compute.ts'
import { switchDelivery } from './deliveries.ts'
import type { OpenSession } from './open-session.ts'
import type { Session } from './session.ts'
import { runUnit } from './unit.ts'

const SHARED_WAIT_MS = 60_000

/** What came of a unit, and what the ledger wants to know beside it. */
export interface Attempted {
  readonly report: PartitionReport
  /** One stage was run alone, and others are still to do. */
  readonly unfinished?: true
  /** The code that made it, of a partition that has ended well. */
  readonly inputKey?: string
}

/** Runs one unit under its lock, by `unit`; what it throws becomes its report. `onBegun` is called once the lock is held: from then on it is this run's attempt. */
export async function attemptUnit(
  { session, collector, workspace, context, signal }: Omit<OpenSession, 'id' | 'close'>,
  partition: Partition | undefined,
  guards: boolean,
  onBegun: () => void = () => {},
  unit: typeof runUnit = runUnit,
): Promise<Attempted> {
  const since = performance.now()
  const { name } = session.pipeline.definition
  const { only } = session.choices
  // Shared datasets stay in the run's own folder until its end; a partition's files go with it.
  const folder = partition ? await workspace.unit() : workspace.folder
  const ctx = context(partition?.name, folder)
  const label = partition?.name ?? ''
  let outcome: PartitionReport['outcome']
  let error: PartitionReport['error']
  let begun = false
  try {
    signal.throwIfAborted()
    const { path, what } = partition ? partitionLock(session.locks, name, label) : sharedLock(session.locks, name)
    // Another run may be landing the shared datasets for other partitions: that is soon over. A partition at work elsewhere is not.
    using _held = await lock(path, { what, signal, ...(partition ? {} : { waitMs: SHARED_WAIT_MS }) })
    begun = true
    onBegun()
    const work = async () => {
      const done = await unit(session, partition, guards, ctx)
      return (await switchOwn(session, partition, ctx)) ? 'done' : done
    }
    outcome = await work().catch(async (error: unknown) => {
      if (!(error instanceof OutrunError)) throw error
      // What the other run has committed since this one looked is done. Tokens first: what is read after them is at least as new.
      if (session.pipeline.targets.some(({ stage }) => stage === 'load')) session.tokens.reset(await session.warehouse().tokens(name, ctx))
      if (partition) await readSharedAgain(session, context(undefined, workspace.folder))
      return work()
    })
    // What landed is news, also where no target is made of it.
    if (outcome === 'unchanged' && collector.steps(label).some((step) => step.stage === 'land' && step.outcome === 'done')) outcome = 'done'
    if (partition?.window && partition.window.end > ctx.clock.now()) outcome = 'open'
  } catch (cause) {
    const place = { pipeline: name, ...(partition && { partition: label }) }
    outcome = !signal.aborted ? 'failed' : begun ? 'stopped' : 'notRun'
    error = errorReport(signal.aborted ? new InterruptedError('the run was stopped', place) : placed(cause, place))
  }
  if (partition) await workspace.drop(folder)
  const report = {
    partition: label,
    outcome,
    ms: performance.now() - since,
    steps: collector.steps(label),
    ...(error && { error }),
    rssBytes: process.memoryUsage.rss(),
  }
  const ended = outcome === 'done' || outcome === 'unchanged'
  // One stage alone need not finish a partition: the other commit points say whether it is done.
  const unfinished = partition && only !== undefined && ended && (await partitionState(session, partition, ctx.clock.now())).state === 'due'
  return {
    report,
    ...(unfinished && { unfinished }),
    ...(partition && ended && only === undefined && { inputKey: partitionCode(session.pipeline, session.steps) }),
  }
}

/** Switches the deliveries that hold this partition alone. */
async function switchOwn(session: Session, partition: Partition | undefined, ctx: RunContext): Promise<boolean> {
  if (partition === undefined) return false
  let switched = false
  for (const [delivery, staged] of session.staged.of(partition.name))
    if ((await switchDelivery(session, { delivery, partition: partition.name, staged }, ctx)).outcome !== 'unchanged') switched = true
  return switched
}
