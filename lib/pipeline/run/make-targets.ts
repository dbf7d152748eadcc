import type { RunContext } from '../../core/context.ts'
import { currentLoad } from '../../land/loads.ts'
import type { LoadManifest } from '../../state/manifest.ts'
import type { Target } from '../define/bind.ts'
import { inputKey, isKeyOf, type KeyInputs } from '../define/input-key.ts'
import type { Partition } from '../define/partitions.ts'
import { contentOfLoad, type SeenContent } from '../define/read-columns.ts'
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
  const inputsOf = ({ seen }: Contents): KeyInputs => ({ steps, partition, contents: (name) => seen.get(name) ?? [] })
  const now = await contents()
  const inputs = inputsOf(now)
  const pending: { target: Target; key: string }[] = []
  for (const target of targets) {
    const key = inputKey(pipeline, target, inputs)
    const done = !choices.force && (await isCommitted(session, target, key, partition, (each) => isKeyOf(each, pipeline, target, inputs)))
    if (done) unchanged(target, ctx)
    else pending.push({ target, key })
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
        ...{ dataset, key, loads: {}, load: String(now.loads.get(target.dataset)?.id ?? key.slice(0, 12)) },
        isCurrent: async () => (await sharedIsCurrent(session)) && inputKey(pipeline, target, inputsOf(await contents())) === key,
      },
      partition,
      ctx,
    )
  }
  return pending.length > 0 || choices.only !== undefined
}

interface Contents {
  readonly seen: ReadonlyMap<string, readonly SeenContent[]>
  readonly loads: ReadonlyMap<string, LoadManifest>
}

/** The contents of what a unit's transforms see, by extracted dataset. */
async function contentsOf(session: Session, names: readonly string[], partition: Partition | undefined): Promise<Contents> {
  const seen = new Map<string, readonly SeenContent[]>(
    [...session.shared].map(([name, { hash }]) => [name, [sharedContent(session, name, hash)]]),
  )
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
    seen.set(
      name,
      loads.map((each) => (each ? contentOfLoad(each) : { hash: '' })),
    )
    for (const each of loads) if (each) pin(session, each)
    const own = loads.at(-1)
    if (own) current.set(name, own)
  }
  return { seen, loads: current }
}

/** Of a dataset that is read whole its load; a current state is made of many, and known by all of its columns. */
function sharedContent({ whole }: Session, name: string, hash: string): SeenContent {
  const load = whole.get(name)
  return load?.contentHash === hash ? contentOfLoad(load) : { hash }
}
