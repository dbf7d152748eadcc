import { check } from '../../check/check.ts'
import type { RunContext } from '../../core/context.ts'
import type { Dataset } from '../../core/dataset.ts'
import { placed } from '../../core/errors.ts'
import { currentState } from '../../land/current-state.ts'
import { datasetOfLoads, verifyOnce } from '../../land/datasets.ts'
import { landingPlace } from '../../land/keys.ts'
import { currentLoad } from '../../land/loads.ts'
import type { LoadManifest } from '../../state/manifest.ts'
import { transform } from '../../transform/run.ts'
import { closureOf } from '../define/closure.ts'
import type { Partition } from '../define/partitions.ts'
import { columnSetsOf } from '../define/read-columns.ts'
import { ALL, landedDataset } from './landed.ts'
import type { Session } from './session.ts'

/** What is needed to compute from what has landed. */
export type Computing = Pick<Session, 'pipeline' | 'schema' | 'store' | 'shared' | 'whole' | 'pinned' | 'openEngine'>

/** A shared dataset as this run's transforms see it: a cursor dataset's current state, else the newest load. */
export async function sharedDataset(session: Computing, name: string, ctx: RunContext): Promise<Dataset> {
  const { pipeline, schema, store } = session
  const kind = pipeline.definition.extract[name]?.kind
  if (kind?.by === 'cursor') {
    const of = { pipeline: pipeline.definition.name, dataset: name, columns: schema[name] ?? {}, key: kind.key, cursor: kind.column }
    const { manifests, ...state } = await currentState(store, of, ctx, session.openEngine, columnSetsOf(pipeline, name))
    for (const manifest of manifests) session.pinned.add(manifest)
    return state
  }
  const newest = await currentLoad(store, pipeline.definition.name, name, ALL)
  if (!newest) return landedDataset(session, name, undefined, ctx)
  pin(session, newest)
  session.whole.set(name, newest)
  const { columns, rows, contentHash: hash, files } = newest
  // Files that are not on this machine are fetched when something is computed from them.
  if (files.some(({ key }) => store.localPath(key) === undefined)) return { name, columns, files: [], rows, hash }
  return datasetOfLoads(store, [newest], ctx)
}

/** Reads the shared datasets as they stand now. `ctx`: the run's own, whose files stay until its end. */
export async function readSharedAgain(session: Session, ctx: RunContext): Promise<void> {
  for (const name of session.shared.keys()) session.shared.set(name, await sharedDataset(session, name, ctx))
}

/** Whether no other run has landed any of the shared datasets since this one read them. */
export async function sharedIsCurrent({ pipeline, store, shared, pinned }: Session): Promise<boolean> {
  const { name } = pipeline.definition
  const newest = await Promise.all([...shared.keys()].map((dataset) => currentLoad(store, name, dataset, ALL)))
  return newest.every((load) => load === undefined || pinned.has(manifestOf(load)))
}

/** Notes that the run reads a load: its record names the manifest. */
export function pin(session: Pick<Session, 'pinned'>, load: LoadManifest): void {
  session.pinned.add(manifestOf(load))
}

function manifestOf({ pipeline, dataset, partition, id }: LoadManifest): string {
  return landingPlace(pipeline, dataset, partition).manifest(id)
}

/** The extracted datasets that others are computed from, as transforms see them. */
export async function inputsOf(
  session: Computing,
  wanted: readonly string[],
  partition: Partition | undefined,
  ctx: RunContext,
): Promise<Record<string, Dataset>> {
  const { pipeline } = session
  const inputs: Record<string, Dataset> = {}
  for (const name of new Set(
    wanted.flatMap((each) => closureOf(pipeline, each).flatMap((dataset) => (dataset.engine === 'extract' ? [dataset.name] : []))),
  )) {
    const shared = session.shared.get(name)
    const whole = session.whole.get(name)
    if (whole) await verifyOnce(session.store, [whole], ctx)
    inputs[name] =
      (whole ? await datasetOfLoads(session.store, [whole], ctx) : shared) ??
      (await landedDataset(session, name, pipeline.bound.datasets[name]?.partitioned ? partition : undefined, ctx))
  }
  return inputs
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
  const inputs = { ...changes, ...(await inputsOf(session, all, partition, ctx)) }
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
    session.openEngine,
  )
}

export async function checkAll(
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
      session.openEngine,
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
