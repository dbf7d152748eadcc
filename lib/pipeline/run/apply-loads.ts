import type { RunContext } from '../../core/context.ts'
import type { Dataset } from '../../core/dataset.ts'
import { CheckError } from '../../core/errors.ts'
import { changesOf } from '../../land/datasets.ts'
import { loadsOf } from '../../land/loads.ts'
import { loadsOfState } from '../../land/state-loads.ts'
import type { LoadManifest } from '../../state/manifest.ts'
import type { Target } from '../define/bind.ts'
import { emptyDataset } from '../define/empty-dataset.ts'
import { inputKey, type KeyInputs } from '../define/input-key.ts'
import { keepRecipe } from '../define/recipe.ts'
import { commit, unchanged } from './commit.ts'
import { checkAll, compute } from './compute.ts'
import { ALL } from './landed.ts'
import { does, type Session } from './session.ts'

/** Whether any load waits to be applied, so that checks come first. */
export async function hasLoadsToApply(session: Session, targets: readonly Target[]): Promise<boolean> {
  for (const target of targets) if (appliesLoads(session, target) && (await loadsToApply(session, target)).length > 0) return true
  return false
}

type LoadTarget = Target & { readonly stage: 'load' }

function appliesLoads({ choices }: Session, target: Target): target is LoadTarget {
  return target.appliesLoadsOf.length > 0 && target.stage === 'load' && does(choices, 'load')
}

/** The loads that a target's token does not name yet, in the order in which they are applied. Those before a load that begins the state anew cannot be read any more. */
async function loadsToApply({ pipeline, store, tokens, choices }: Session, { appliesLoadsOf, load }: LoadTarget): Promise<LoadManifest[]> {
  const again = choices.force && load.disposition.mode !== 'append'
  const done = again ? {} : (tokens.get(load.table, '')?.loads ?? {})
  const loads = await Promise.all(appliesLoadsOf.map((source) => loadsOf(store, pipeline.definition.name, source, ALL, done[source])))
  return loads.flatMap(loadsOfState)
}

/**
 * For targets that take a cursor dataset's loads one by one: applies each landed load that the token does not name yet, in order. With `--force` all loads are applied again, which a
 * merge bears and an append does not.
 */
export async function applyLoads(session: Session, all: readonly Target[], ctx: RunContext): Promise<boolean> {
  const { pipeline, choices, steps } = session
  let applied = false
  for (const target of all) {
    if (!appliesLoads(session, target)) continue
    const { table, disposition } = target.load
    const inputs: KeyInputs = { steps, partition: undefined, contents: (name) => [{ hash: session.shared.get(name)?.hash ?? '' }] }
    const key = inputKey(pipeline, target, inputs)
    if (choices.force && disposition.mode === 'append') {
      const message = `append to "${table}" is not computed again: its rows would double`
      ctx.emit({ type: 'warning', stage: 'load', dataset: target.dataset, message })
    }
    const waiting = await loadsToApply(session, target)
    if (waiting.length > 0) await keepRecipe(session.recipes, pipeline, target, inputs, key)
    let done = session.tokens.get(table, '')?.loads ?? {}
    for (const each of waiting) {
      if (each.base && done[each.dataset] !== undefined && disposition.mode === 'append') {
        const message = `load ${each.id} of "${each.dataset}" begins its history anew with all of its rows: those that "${table}" has already come again`
        ctx.emit({ type: 'warning', stage: 'load', dataset: target.dataset, message })
      }
      done = { ...done, [each.dataset]: each.id }
      await applyLoad(session, target, { load: each, loads: done, key }, ctx)
    }
    if (waiting.length === 0) unchanged(target, ctx)
    applied ||= waiting.length > 0
  }
  return applied
}

async function applyLoad(
  session: Session,
  target: Target,
  { load: each, loads, key }: { load: LoadManifest; loads: Readonly<Record<string, number>>; key: string },
  ctx: RunContext,
): Promise<void> {
  const { pipeline } = session
  const { dataset: rows, tombstones } = await changesOf(session.store, each, session.schema[each.dataset] ?? {}, ctx)
  const kind = pipeline.definition.extract[target.dataset]?.kind
  if (kind?.by === 'cursor') {
    await commit(
      session,
      target,
      {
        dataset: { ...rows, name: target.dataset },
        key,
        loads,
        load: String(each.id),
        ...(tombstones && { tombstones }),
        order: kind.column,
      },
      undefined,
      ctx,
    ).catch(held(each, REFUSED))
    return
  }
  const changes: Record<string, Dataset> = {}
  for (const name of target.appliesLoadsOf)
    changes[`${name}.changes`] = name === each.dataset ? rows : await emptyDataset(`${name}.changes`, session.schema[name] ?? {}, ctx)
  const datasets = await compute(session, new Set([target.dataset]), undefined, ctx, changes)
  if (does(session.choices, 'check') && pipeline.checks[target.dataset])
    await checkAll(session, [target.dataset], datasets, undefined, ctx).catch(held(each, UNCHECKED))
  const dataset = datasets[target.dataset]
  if (!dataset) throw new RangeError(`${target.dataset} was not computed`)
  await commit(session, target, { dataset, key, loads, load: key.slice(0, 12) }, undefined, ctx).catch(held(each, REFUSED))
}

const UNCHECKED = 'let the step leave such rows out, or warn(…) of them until it is through'
const REFUSED = 'let the table take such rows until it is through, or load what a step leaves of its changes'

/** What has landed stays as it is, and later loads wait for it: data that is mended at its source comes too late. `way` says what helps. */
function held({ dataset, id }: LoadManifest, way: string): (error: unknown) => never {
  return (error) => {
    if (!(error instanceof CheckError)) throw error
    const hint = `load ${id} of "${dataset}" has landed so, and later ones wait for it: ${way}`
    throw new CheckError(error.message, { ...error.place, hint, cause: error })
  }
}
