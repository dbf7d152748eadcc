import { check } from '../check/check.ts'
import type { RunContext } from '../core/context.ts'
import type { Dataset } from '../core/dataset.ts'
import { placed } from '../core/errors.ts'
import { deliver } from '../export/deliver.ts'
import { isDelivered } from '../export/delivered.ts'
import { currentState } from '../land/current-state.ts'
import { changesOf } from '../land/datasets.ts'
import { landingPlace } from '../land/keys.ts'
import { currentLoad, loadsOf } from '../land/loads.ts'
import { load } from '../load/load.ts'
import type { LoadManifest } from '../state/manifest.ts'
import { transform } from '../transform/run.ts'
import type { Target } from './bind.ts'
import { emptyDataset } from './empty-dataset.ts'
import { closureOf, inputKey } from './input-key.ts'
import { ALL, bringUpToDate, landedDataset, partitionsSeen } from './landing.ts'
import type { Partition } from './partitions.ts'
import { does, type Session } from './session.ts'

/** How a unit ended. */
export type UnitOutcome = 'done' | 'unchanged'

/**
 * Runs one unit: a partition, or (absent) the pipeline's shared datasets. Lands what its targets are computed from, and computes, checks, loads and exports those whose
 * input key is not the committed one. Everything it commits is committed target by target: a unit that is killed goes on where it was.
 * @throws what the stages throw, placed
 */
export async function runUnit(session: Session, partition: Partition | undefined, ctx: RunContext): Promise<UnitOutcome> {
  const { pipeline, choices } = session
  const extracted = extractedOf(session, partition !== undefined)
  if (does(choices, 'extract')) await landAll(session, extracted, partition, ctx)
  if (!does(choices, 'transform')) return 'done'
  if (partition === undefined) for (const name of extracted) session.shared.set(name, await sharedDataset(session, name, ctx))
  const targets = pipeline.targets.filter((target) => target.partitioned === (partition !== undefined))
  const made = await makeTargets(session, targets, partition, ctx)
  const applied = await applyLoads(session, targets, ctx)
  return made || applied ? 'done' : 'unchanged'
}

/** Extracted datasets of a unit: those with partitions, or the shared ones. */
export function extractedOf({ pipeline }: Pick<Session, 'pipeline'>, partitioned: boolean): readonly string[] {
  return Object.keys(pipeline.definition.extract).filter((name) => (pipeline.bound.datasets[name]?.partitioned ?? false) === partitioned)
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
        await bringUpToDate(withRefresh(session, seen === partition), name, seen, ctx)
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

/** `--refresh` reads the named partition again, not those that its look-back touches. */
function withRefresh(session: Session, named: boolean): Session {
  return named || !session.refresh ? session : { ...session, refresh: false }
}

/** A shared dataset as this run's transforms see it: a cursor dataset's current state, else the newest load. */
export async function sharedDataset(session: Session, name: string, ctx: RunContext): Promise<Dataset> {
  const { pipeline, schema, store } = session
  const kind = pipeline.definition.extract[name]?.kind
  for (const each of await loadsOf(store, pipeline.definition.name, name, ALL)) pin(session, each)
  if (kind?.by !== 'cursor') return landedDataset(session, name, undefined, ctx)
  return currentState(
    store,
    { pipeline: pipeline.definition.name, dataset: name, columns: schema[name] ?? {}, key: kind.key, cursor: kind.column },
    ctx,
  )
}

function pin(session: Session, { pipeline, dataset, partition, id }: LoadManifest): void {
  session.pinned.add(landingPlace(pipeline, dataset, partition).manifest(id))
}

/** The content hashes of what a unit's transforms see, by extracted dataset. */
async function contentsOf(
  session: Session,
  names: readonly string[],
  partition: Partition | undefined,
): Promise<{ hashes: Map<string, readonly string[]>; loads: Map<string, LoadManifest> }> {
  const hashes = new Map<string, readonly string[]>([...session.shared].map(([name, { hash }]) => [name, [hash]]))
  const current = new Map<string, LoadManifest>()
  for (const name of names) {
    if (!partition || session.shared.has(name)) continue
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

/** Computes, checks and commits the targets that are made from current states and are not up to date. */
async function makeTargets(session: Session, all: readonly Target[], partition: Partition | undefined, ctx: RunContext): Promise<boolean> {
  const { pipeline, choices, steps } = session
  const targets = all.filter(({ appliesLoadsOf, stage }) => appliesLoadsOf.length === 0 && does(choices, stage))
  const { hashes, loads } = await contentsOf(session, extractedOf(session, partition !== undefined), partition)
  const key = (target: Target) => inputKey(pipeline, target, { steps, partition, contents: (name) => hashes.get(name) ?? [] })
  const pending: { target: Target; key: string }[] = []
  for (const target of targets) {
    const each = { target, key: key(target) }
    if (choices.force || !(await isCommitted(session, each.target, each.key, partition))) pending.push(each)
    else unchanged(target, ctx)
  }
  const checked = checkedDatasets(session, partition !== undefined)
  const onlyChecks = targets.length === 0 && (choices.only !== undefined || all.length === 0) && checked.length > 0
  if (pending.length === 0 && !onlyChecks && choices.only !== 'transform') return false
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
      { dataset, key, loads: {}, load: String(loads.get(target.dataset)?.id ?? key.slice(0, 12)) },
      partition,
      ctx,
    )
  }
  return true
}

function unchanged(target: Target, ctx: RunContext): void {
  ctx.emit({
    type: 'stage',
    phase: 'end',
    stage: target.stage,
    dataset: target.dataset,
    target: target.stage === 'load' ? target.load.table : target.export.path,
    ms: 0,
    outcome: 'unchanged',
  })
}

async function isCommitted(session: Session, target: Target, key: string, partition: Partition | undefined): Promise<boolean> {
  if (target.stage === 'load') return session.tokens.get(target.load.table, partition?.name ?? '')?.inputKey === key
  return isDelivered(session.exports, target.export, partition?.name, key)
}

/** Datasets with checks in this kind of unit, except those computed from changes: they are checked load by load. */
function checkedDatasets({ pipeline }: Session, partitioned: boolean): string[] {
  return Object.keys(pipeline.checks).filter((name) => {
    const dataset = pipeline.bound.datasets[name]
    return dataset?.partitioned === partitioned && !dataset.fromChanges
  })
}

/** Transforms what has landed into the wanted datasets. */
export async function compute(
  session: Session,
  wanted: ReadonlySet<string>,
  partition: Partition | undefined,
  ctx: RunContext,
  changes: Readonly<Record<string, Dataset>> = {},
): Promise<Record<string, Dataset>> {
  const { pipeline } = session
  const references = [...wanted].flatMap((name) =>
    (pipeline.checks[name] ?? []).flatMap(({ rule }) => (rule.rule === 'references' ? [rule.dataset] : [])),
  )
  const all = [...new Set([...wanted, ...references])]
  const inputs: Record<string, Dataset> = { ...changes }
  for (const name of new Set(
    all.flatMap((each) => closureOf(pipeline, each).flatMap((dataset) => (dataset.engine === 'extract' ? [dataset.name] : []))),
  )) {
    const shared = session.shared.get(name)
    inputs[name] = shared ?? (await landedDataset(session, name, pipeline.bound.datasets[name]?.partitioned ? partition : undefined, ctx))
  }
  return transform(
    pipeline.bound,
    {
      inputs,
      wanted: all,
      window: { ...partition?.window, ...(partition && { partition: partition.name }) },
      parameters: pipeline.definition.parameters ?? {},
      zone: pipeline.zone,
    },
    ctx,
  )
}

async function checkAll(
  session: Session,
  names: readonly string[],
  datasets: Readonly<Record<string, Dataset>>,
  partition: Partition | undefined,
  ctx: RunContext,
): Promise<void> {
  const { pipeline } = session
  for (const name of names) {
    const dataset = datasets[name]
    if (!dataset) throw new RangeError(`${name} was not computed`)
    const report = await check(
      {
        dataset,
        rules: pipeline.checks[name] ?? [],
        others: datasets,
        zone: pipeline.zone,
        ...(partition?.window && { window: partition.window }),
        parameters: { ...pipeline.definition.parameters, ...partition?.window, ...(partition && { partition: partition.name }) },
      },
      ctx,
    )
    if (report.error)
      throw placed(report.error, {
        stage: 'check',
        pipeline: pipeline.definition.name,
        dataset: name,
        ...(partition && { partition: partition.name }),
      })
  }
}

interface Made {
  readonly dataset: Dataset
  readonly key: string
  readonly loads: Readonly<Record<string, number>>
  readonly load: string
  readonly tombstones?: readonly string[]
  readonly order?: string
}

async function commit(session: Session, target: Target, made: Made, partition: Partition | undefined, ctx: RunContext): Promise<void> {
  const pipeline = session.pipeline.definition.name
  const { dataset, key } = made
  if (target.stage === 'export') {
    await deliver(
      { pipeline, dataset, export: target.export, partition: partition?.name, inputKey: key, force: session.choices.force },
      session.exports,
      ctx,
    )
    return
  }
  const { table } = target.load
  const { loads, load: mark, tombstones, order } = made
  const expected = session.tokens.get(table, partition?.name ?? '')
  await load(
    {
      pipeline,
      dataset,
      target: target.load,
      partition: partition?.name,
      inputKey: key,
      loads,
      load: mark,
      expected,
      ...(tombstones && { tombstones }),
      ...(order !== undefined && { order }),
    },
    session.warehouse(),
    ctx,
  )
  session.tokens.set({ pipeline, table, partition: partition?.name ?? '', inputKey: key, loads })
}

/**
 * For targets that take a cursor dataset's loads one by one: applies each landed load that the token does not name yet, in order. With `--force` all loads are applied again, which a
 * merge bears and an append does not.
 */
async function applyLoads(session: Session, all: readonly Target[], ctx: RunContext): Promise<boolean> {
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
