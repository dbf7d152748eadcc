import type { RunContext } from '../../core/context.ts'
import type { Partition } from '../define/partitions.ts'
import { applyLoads, hasLoadsToApply } from './apply-loads.ts'
import { sharedDataset } from './compute.ts'
import { forwarded, forwardTargets } from './forward.ts'
import { partitionsSeen } from './landed.ts'
import { bringUpToDate } from './landing.ts'
import { loadedUndecoded, loadUndecoded } from './load-undecoded.ts'
import { makeTargets } from './make-targets.ts'
import { does, extractedOf, readableOf, type Session } from './session.ts'

/** How a unit ended. */
export type UnitOutcome = 'done' | 'unchanged'

/**
 * Runs one unit: a partition, or (absent) the pipeline's shared datasets. Lands what its targets are computed from, and computes, checks, loads and exports those whose
 * input key is not the committed one; where the session sets aside, they are, and nothing is committed but what lands. `guards`: partitions wait for the verdict of this unit's checks. Everything it commits is committed target by target: a unit that is killed goes on where it was.
 * @throws what the stages throw, placed
 */
export async function runUnit(session: Session, partition: Partition | undefined, guards: boolean, ctx: RunContext): Promise<UnitOutcome> {
  const { pipeline, choices } = session
  const extracted = extractedOf(session, partition !== undefined)
  if (does(choices, 'extract')) await landAll(session, extracted, partition, ctx)
  if (!does(choices, 'transform')) return 'done'
  if (partition === undefined)
    for (const name of readableOf(session, false)) session.shared.set(name, await sharedDataset(session, name, ctx))
  const targets = pipeline.targets.filter((target) => target.partitioned === (partition !== undefined))
  const passing = targets.flatMap((target) => forwarded(pipeline, target) ?? [])
  const undecoded = targets.flatMap((target) => loadedUndecoded(pipeline, target) ?? [])
  const landed = targets.filter((target) => !forwarded(pipeline, target) && !loadedUndecoded(pipeline, target))
  if (session.aside) {
    await session.aside.begin(partition)
    await makeTargets(session, landed, partition, guards || (await hasLoadsToApply(session, landed)), ctx)
    await applyLoads(session, landed, ctx)
    return (await session.aside.end(partition, ctx)) ? 'done' : 'unchanged'
  }
  const made = await makeTargets(session, landed, partition, guards || (await hasLoadsToApply(session, landed)), ctx)
  const applied = await applyLoads(session, landed, ctx)
  const loads = does(choices, 'load')
  const loaded = loads && (await loadUndecoded(session, undecoded, partition, ctx))
  const passed = loads && (await forwardTargets(session, passing, partition, ctx))
  return made || applied || loaded || passed ? 'done' : 'unchanged'
}

/** Lands the datasets side by side; a child request waits for its parent. With look-backs the earlier partitions land first. */
async function landAll(session: Session, names: readonly string[], partition: Partition | undefined, ctx: RunContext): Promise<void> {
  const landed = new Map<string, Promise<void>>()
  const land = async (name: string): Promise<void> => {
    const request = session.pipeline.definition.extract[name]?.request
    const parent = request && 'each' in request ? request.each?.parent : undefined
    if (parent !== undefined && names.includes(parent)) await begin(parent)
    if (partition === undefined) await bringUpToDate(session, name, undefined, ctx)
    else
      for (const seen of partitionsSeen(session.pipeline, name, partition))
        await bringUpToDate(
          withRefresh(session, seen === partition || session.again?.has(seen.name) === true),
          name,
          seen,
          seen === partition ? ctx : contextOf(seen, ctx),
        )
  }
  const begin = (name: string): Promise<void> => {
    const running = landed.get(name) ?? land(name)
    landed.set(name, running)
    return running
  }
  const results = await Promise.allSettled(names.map(begin))
  const failed = results.find((result) => result.status === 'rejected')
  if (failed) throw failed.reason
}

/** The context in which a look-back lands an earlier partition: its events say which. */
function contextOf({ name }: Partition, ctx: RunContext): RunContext {
  return { ...ctx, emit: (event) => ctx.emit({ ...event, of: name }) }
}

/** `--refresh` reads the named partition again, of those that its look-back touches only such as are named themselves and have not been read again yet. */
function withRefresh(session: Session, named: boolean): Session {
  return named || !session.refresh ? session : { ...session, refresh: false }
}
