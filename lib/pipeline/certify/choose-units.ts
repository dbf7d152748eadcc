import { ConfigError } from '../../core/errors.ts'
import { loadsOf } from '../../land/loads.ts'
import { loadsOfState } from '../../land/state-loads.ts'
import { datasetOfName } from '../../transform/bound.ts'
import { type Partition, partitionNamed, partitionsUntil } from '../define/partitions.ts'
import type { Computing } from '../run/compute.ts'
import { ALL, loadOfWindow, partitionsSeen } from '../run/landed.ts'
import { readableOf } from '../run/session.ts'
import type { CertifyUnit } from './job.ts'
import { comparedDatasets } from './make-units.ts'

/** Which partitions are computed again. */
export interface UnitChoice {
  readonly partition?: string
  /** How many, spread evenly from the first to the last; as many of each cursor dataset's loads. */
  readonly sample: number
}

/**
 * The units to compute again: what the partitions share (null), where anything of it is computed; where anything is computed from changes, a sample of the loads that have landed, since each is applied by itself; and of the
 * partitions that have landed those that are named, or a sample. The same each time.
 * @throws ConfigError where nothing has landed, nothing is computed, or the named one is none
 */
export async function chooseUnits(
  computing: Computing,
  { partition: named, sample }: UnitChoice,
  now: Date,
): Promise<readonly CertifyUnit[]> {
  const { pipeline } = computing
  const { name, partition: partitioning } = pipeline.definition
  const computes = (unit: CertifyUnit) => comparedDatasets(computing, unit).length > 0
  const byPartition = partitioning !== undefined && computes({ partition: '' })
  const changed = changedDatasets(computing)
  if (!byPartition && !computes(SHARED) && changed.length === 0)
    throw new ConfigError(`pipeline "${name}" computes nothing: what it loads is what has landed`, { pipeline: name })
  if (named !== undefined && !byPartition)
    throw new ConfigError(`pipeline "${name}" computes nothing by partition`, { pipeline: name, hint: 'leave --partition away' })
  if (!(await hasLanded(computing, undefined))) throw notLanded(name)
  const shared: CertifyUnit[] = []
  if (named === undefined) {
    if (computes(SHARED)) shared.push(SHARED)
    for (const dataset of changed) shared.push(...spread(await loadsApplied(computing, dataset), sample))
  }
  if (!byPartition) return shared
  if (named !== undefined) {
    const found = partitionNamed(partitioning, named, now)
    if (!(await hasLanded(computing, found))) throw notLanded(name, named)
    return [{ partition: found.name }]
  }
  const landed: string[] = []
  for (const each of partitionsUntil(partitioning, now)) if (await hasLanded(computing, each)) landed.push(each.name)
  if (landed.length === 0 && shared.length === 0) throw notLanded(name)
  return [...shared, ...spread(landed, sample).map((each) => ({ partition: each }))]
}

const SHARED: CertifyUnit = { partition: null }

/** The cursor datasets from whose changes anything is computed that a table takes. */
function changedDatasets({ pipeline: { bound } }: Computing): readonly string[] {
  const read = bound.order.flatMap((name) => {
    const { partitioned, fromChanges, inputs = [] } = bound.datasets[name] ?? {}
    return fromChanges && !partitioned ? inputs.filter((input) => datasetOfName(input) !== input).map(datasetOfName) : []
  })
  return [...new Set(read)].sort()
}

/** A cursor dataset's loads that tables take one by one: from the newest base on, those before it cannot be read any more. */
async function loadsApplied({ pipeline, store }: Computing, dataset: string): Promise<readonly CertifyUnit[]> {
  const loads = loadsOfState(await loadsOf(store, pipeline.definition.name, dataset, ALL))
  return loads.map(({ id }) => ({ partition: null, load: { dataset, id } }))
}

function notLanded(pipeline: string, partition?: string): ConfigError {
  return new ConfigError(`nothing${partition === undefined ? '' : ` of ${partition}`} has landed that could be computed again`, {
    pipeline,
    hint: `run it first: millrace run ${pipeline}${partition === undefined ? '' : ` --partition ${partition}`}`,
  })
}

async function hasLanded(computing: Computing, partition: Partition | undefined): Promise<boolean> {
  for (const dataset of readableOf(computing, partition !== undefined))
    for (const seen of partition ? partitionsSeen(computing.pipeline, dataset, partition) : [undefined])
      if (!(await loadOfWindow(computing, dataset, seen))) return false
  return true
}

/** `count` of them, the first and the last among them, evenly between. */
export function spread<T>(all: readonly T[], count: number): readonly T[] {
  if (all.length <= count) return all
  if (count === 1) return all.slice(-1)
  return Array.from({ length: count }, (_, i) => all[Math.round((i * (all.length - 1)) / (count - 1))] as T)
}
