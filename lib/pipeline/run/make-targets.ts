import type { RunContext } from '../../core/context.ts'
import { together } from '../../core/together.ts'
import type { Target } from '../define/bind.ts'
import { inputKey, isKeyOf, type KeyInputs } from '../define/input-key.ts'
import type { Partition } from '../define/partitions.ts'
import { keepRecipe } from '../define/recipe.ts'
import { checkedDatasets } from './checked.ts'
import { commit, isCommitted, unchanged } from './commit.ts'
import { commitAll } from './commit-all.ts'
import { checkAll, compute, sharedIsCurrent } from './compute.ts'
import { type Contents, contentsOf } from './contents.ts'
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
  // Exports side by side share a look.
  const look = together(Number.POSITIVE_INFINITY, async (asked: readonly undefined[]) => {
    const seen = { shared: await sharedIsCurrent(session), inputs: inputsOf(await contents()) }
    return asked.map(() => seen)
  })
  const computed = pending.map(({ target, key }) => {
    const dataset = datasets[target.dataset]
    if (!dataset) throw new RangeError(`${target.dataset} was not computed`)
    return { target, key, dataset }
  })
  const make = async (by: Session, { target, key, dataset }: (typeof computed)[number]) => {
    await keepRecipe(session.recipes, pipeline, target, inputs, key)
    const isCurrent = async () => {
      const { shared, inputs } = await look(undefined)
      return shared && inputKey(pipeline, target, inputs) === key
    }
    const load = String(now.loads.get(target.dataset)?.id ?? key.slice(0, 12))
    await commit(by, target, { dataset, key, loads: {}, load, isCurrent }, partition, ctx)
  }
  await commitAll(session, computed, make, ctx)
  return pending.length > 0 || choices.only !== undefined
}
