import type { RunContext } from '../../core/context.ts'
import { currentLoad } from '../../land/loads.ts'
import type { LoadManifest } from '../../state/manifest.ts'
import type { Target } from '../define/bind.ts'
import { inputKey } from '../define/input-key.ts'
import type { Partition } from '../define/partitions.ts'
import { checkedDatasets } from './checked.ts'
import { commit, isCommitted, unchanged } from './commit.ts'
import { checkAll, compute, pin, sharedIsCurrent } from './compute.ts'
import { ALL, partitionsSeen } from './landed.ts'
import { does, readableOf, type Session } from './session.ts'

/**
 * Computes, checks and commits the targets that are made from current states and are not up to date. Checks run before anything is committed; with `guards` also when no
 * target is pending here, since others wait for the verdict.
 */
export async function makeTargets(
  session: Session,
  all: readonly Target[],
  partition: Partition | undefined,
  guards: boolean,
  ctx: RunContext,
): Promise<boolean> {
  const { pipeline, choices, steps } = session
  const targets = all.filter(({ appliesLoadsOf, stage }) => appliesLoadsOf.length === 0 && does(choices, stage))
  const contents = () => contentsOf(session, readableOf(session, partition !== undefined), partition)
  const keyOf = (target: Target, hashes: Contents['hashes']) =>
    inputKey(pipeline, target, { steps, partition, contents: (name) => hashes.get(name) ?? [] })
  const { hashes, loads } = await contents()
  const pending: { target: Target; key: string }[] = []
  for (const target of targets) {
    const each = { target, key: keyOf(target, hashes) }
    if (choices.force || !(await isCommitted(session, each.target, each.key, partition))) pending.push(each)
    else unchanged(target, ctx)
  }
  const checked = checkedDatasets(pipeline, partition !== undefined)
  const guarding = (guards || choices.only === 'check') && does(choices, 'check') && checked.length > 0
  if (pending.length === 0 && !guarding && choices.only !== 'transform') return false
  const kept = Object.values(pipeline.bound.datasets).filter(
    (d) =>
      (d.keep || choices.only === 'transform') && d.engine !== 'extract' && d.partitioned === (partition !== undefined) && !d.fromChanges,
  )
  const wanted = new Set([
    ...pending.map(({ target }) => target.dataset),
    ...(does(choices, 'check') ? checked : []),
    ...kept.map(({ name }) => name),
  ])
  const datasets = await compute(session, wanted, partition, ctx)
  if (does(choices, 'check')) await checkAll(session, checked, datasets, partition, ctx)
  for (const { target, key } of pending) {
    const dataset = datasets[target.dataset]
    if (!dataset) throw new RangeError(`${target.dataset} was not computed`)
    await commit(
      session,
      target,
      {
        ...{ dataset, key, loads: {}, load: String(loads.get(target.dataset)?.id ?? key.slice(0, 12)) },
        isCurrent: async () => (await sharedIsCurrent(session)) && keyOf(target, (await contents()).hashes) === key,
      },
      partition,
      ctx,
    )
  }
  return pending.length > 0 || choices.only !== undefined
}

interface Contents {
  readonly hashes: ReadonlyMap<string, readonly string[]>
  readonly loads: ReadonlyMap<string, LoadManifest>
}

/** The content hashes of what a unit's transforms see, by extracted dataset. */
async function contentsOf(session: Session, names: readonly string[], partition: Partition | undefined): Promise<Contents> {
  const hashes = new Map<string, readonly string[]>([...session.shared].map(([name, { hash }]) => [name, [hash]]))
  const current = new Map<string, LoadManifest>()
  for (const name of names) {
    if (!partition) {
      const load = await currentLoad(session.store, session.pipeline.definition.name, name, ALL)
      if (load) current.set(name, load)
      continue
    }
    const loads = await Promise.all(
      partitionsSeen(session.pipeline, name, partition).map((p) =>
        currentLoad(session.store, session.pipeline.definition.name, name, p.name),
      ),
    )
    hashes.set(
      name,
      loads.map((each) => each?.contentHash ?? ''),
    )
    for (const each of loads) if (each) pin(session, each)
    const own = loads.at(-1)
    if (own) current.set(name, own)
  }
  return { hashes, loads: current }
}
