import type { RunContext } from '../core/context.ts'
import type { Dataset } from '../core/dataset.ts'
import { changesOf } from '../land/datasets.ts'
import { loadsOf } from '../land/loads.ts'
import type { LoadManifest } from '../state/manifest.ts'
import type { Target } from './bind.ts'
import { commit, unchanged } from './commit.ts'
import { checkAll, compute } from './compute.ts'
import { emptyDataset } from './empty-dataset.ts'
import { inputKey } from './input-key.ts'
import { ALL } from './landed.ts'
import { does, type Session } from './session.ts'

/**
 * For targets that take a cursor dataset's loads one by one: applies each landed load that the token does not name yet, in order. With `--force` all loads are applied again, which a
 * merge bears and an append does not.
 */
export async function applyLoads(session: Session, all: readonly Target[], ctx: RunContext): Promise<boolean> {
  const { pipeline, choices, steps } = session
  let applied = false
  for (const target of all) {
    if (target.appliesLoadsOf.length === 0 || target.stage !== 'load' || !does(choices, 'load')) continue
    const { table, disposition } = target.load
    const key = inputKey(pipeline, target, { steps, partition: undefined, contents: (name) => [session.shared.get(name)?.hash ?? ''] })
    const again = choices.force && disposition.mode !== 'append'
    if (choices.force && !again)
      ctx.emit({
        type: 'warning',
        stage: 'load',
        dataset: target.dataset,
        message: `append to "${table}" is not computed again: its rows would double`,
      })
    let done: Readonly<Record<string, number>> = again ? {} : (session.tokens.get(table, '')?.loads ?? {})
    let worked = false
    for (const source of target.appliesLoadsOf)
      for (const each of await loadsOf(session.store, pipeline.definition.name, source, ALL)) {
        if (each.id <= (done[source] ?? 0)) continue
        done = { ...done, [source]: each.id }
        await applyLoad(session, target, { load: each, loads: done, key }, ctx)
        worked = true
      }
    if (!worked) unchanged(target, ctx)
    applied ||= worked
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
  const { dataset: rows, tombstones } = await changesOf(session.store, each, ctx)
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
    )
    return
  }
  const changes: Record<string, Dataset> = {}
  for (const name of target.appliesLoadsOf)
    changes[`${name}.changes`] = name === each.dataset ? rows : await emptyDataset(`${name}.changes`, session.schema[name] ?? {}, ctx)
  const datasets = await compute(session, new Set([target.dataset]), undefined, ctx, changes)
  if (does(session.choices, 'check') && pipeline.checks[target.dataset]) await checkAll(session, [target.dataset], datasets, undefined, ctx)
  const dataset = datasets[target.dataset]
  if (!dataset) throw new RangeError(`${target.dataset} was not computed`)
  await commit(session, target, { dataset, key, loads, load: key.slice(0, 12) }, undefined, ctx)
}
