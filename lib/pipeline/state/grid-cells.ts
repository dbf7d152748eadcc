import type { Stage } from '../../core/errors.ts'
import { type Target, targetName } from '../define/bind.ts'
import { closureOf } from '../define/closure.ts'
import { madeByOtherCode, madeFrom } from '../define/input-key.ts'
import type { Partition } from '../define/partitions.ts'
import { contentOfLoad, type SeenContent } from '../define/read-columns.ts'
import { checkedDatasets } from '../run/checked.ts'
import { forwarded, isForwardDone } from '../run/forward.ts'
import { loadOfWindow, usableLoad } from '../run/landed.ts'
import type { Session } from '../run/session.ts'
import { committedInputs } from './committed-inputs.ts'
import { type GridState, worstOf } from './grid-report.ts'

/** A cell as the commit points know it. */
export interface CommittedCell {
  readonly stage: Stage
  readonly dataset: string
  readonly target?: string
  /** undefined: no commit point says anything of it, since nothing is made of it. */
  readonly state: 'missing' | 'due' | 'done' | 'stale' | undefined
  readonly inputKey?: string
  readonly rows?: number
  readonly bytes?: number
}

/** What a pipeline has cells for in each partition. */
export interface CellPlan {
  readonly extracted: readonly string[]
  /** Datasets that are computed for targets, and kept ones, with the targets that are made of each. */
  readonly transformed: readonly { readonly dataset: string; readonly targets: readonly Target[] }[]
  readonly checked: readonly string[]
  readonly targets: readonly Target[]
}

export function planCells({ pipeline }: Pick<Session, 'pipeline'>): CellPlan {
  const { definition, bound } = pipeline
  const targets = pipeline.targets.filter(({ partitioned }) => partitioned)
  const closures = targets.map((target) => ({ target, of: new Set(closureOf(pipeline, target.dataset).map(({ name }) => name)) }))
  return {
    extracted: Object.keys(definition.extract).filter((name) => bound.datasets[name]?.partitioned),
    transformed: bound.order.flatMap((dataset) => {
      if (!bound.datasets[dataset]?.partitioned) return []
      return [{ dataset, targets: closures.flatMap(({ target, of }) => (of.has(dataset) ? [target] : [])) }]
    }),
    checked: checkedDatasets(pipeline, true),
    targets,
  }
}

/** The cells of one partition, in the order of the stages. Asks no source. */
export async function committedCells(session: Session, plan: CellPlan, partition: Partition): Promise<readonly CommittedCell[]> {
  const { definition } = session.pipeline
  const contents = new Map<string, SeenContent>()
  const cells: CommittedCell[] = []
  for (const dataset of plan.extracted) {
    if (definition.extract[dataset]?.forward === true) continue
    const load = await usableLoad(session, dataset, partition)
    if (load) contents.set(dataset, contentOfLoad(load))
    const state = load ? (load.open ? 'due' : 'done') : (await loadOfWindow(session, dataset, partition)) ? 'due' : 'missing'
    const found = load && { inputKey: load.contentHash, rows: load.rows, bytes: load.files.reduce((sum, { bytes }) => sum + bytes, 0) }
    cells.push({ stage: 'extract', dataset, state }, { stage: 'land', dataset, state, ...found })
  }
  const made = new Map<Target, CommittedCell>()
  for (const target of plan.targets) made.set(target, await targetCell(session, target, partition, contents))
  for (const dataset of plan.extracted) {
    const passed = [...made].find(([target]) => target.dataset === dataset && forwarded(session.pipeline, target))?.[1]
    if (passed) cells.push({ stage: 'extract', dataset, state: passed.state })
  }
  const together = (targets: readonly Target[]) =>
    worstOf(targets.flatMap((target) => made.get(target)?.state ?? [])) as CommittedCell['state']
  for (const { dataset, targets } of plan.transformed) cells.push({ stage: 'transform', dataset, state: together(targets) })
  for (const dataset of plan.checked) cells.push({ stage: 'check', dataset, state: together(plan.targets) })
  return [...cells, ...made.values()]
}

async function targetCell(
  session: Session,
  target: Target,
  partition: Partition,
  contents: ReadonlyMap<string, SeenContent>,
): Promise<CommittedCell> {
  const { pipeline, steps } = session
  const { stage, dataset } = target
  const place = { stage, dataset, target: targetName(target) } as const
  const passed = forwarded(pipeline, target)
  const keys = await committedInputs(session, target, partition.name)
  const newest = keys.at(-1)
  const inputKey = newest === undefined ? {} : { inputKey: newest }
  if (newest === undefined) return { ...place, state: 'missing' }
  if (passed) return { ...place, ...inputKey, state: isForwardDone(session, passed, partition) ? 'done' : 'due' }
  const own = { partition, contentOf: (name: string) => contents.get(name) }
  if (!keys.some((key) => madeFrom(key, pipeline, target, own))) return { ...place, ...inputKey, state: 'due' }
  const state: GridState = madeByOtherCode(keys, pipeline, target, steps) ? 'stale' : 'done'
  return { ...place, ...inputKey, state }
}
