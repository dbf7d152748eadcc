import { ConfigError } from '../../core/errors.ts'
import { type Partition, partitionNamed, partitionsUntil } from '../define/partitions.ts'
import type { Computing } from '../run/compute.ts'
import { loadOfWindow, partitionsSeen } from '../run/landed.ts'
import { readableOf } from '../run/session.ts'
import { comparedDatasets } from './make-units.ts'

/** Which partitions are computed again. */
export interface UnitChoice {
  readonly partition?: string
  /** How many, spread evenly from the first to the last. */
  readonly sample: number
}

/**
 * The units to compute again: what the partitions share (null), where anything of it is computed, and of the partitions that have landed those that are named, or a sample: the same each time.
 * @throws ConfigError where nothing has landed, nothing is computed, or the named one is none
 */
export async function chooseUnits(
  computing: Computing,
  { partition: named, sample }: UnitChoice,
  now: Date,
): Promise<readonly (string | null)[]> {
  const { pipeline } = computing
  const { name, partition: partitioning } = pipeline.definition
  const computed = (partitioned: boolean) => comparedDatasets(computing, partitioned).length > 0
  if (!computed(true) && !computed(false))
    throw new ConfigError(`pipeline "${name}" computes nothing: what it loads is what has landed`, { pipeline: name })
  if (named !== undefined && !(partitioning && computed(true)))
    throw new ConfigError(`pipeline "${name}" computes nothing by partition`, { pipeline: name, hint: 'leave --partition away' })
  const shared = named === undefined && computed(false) ? [null] : []
  if (!(await hasLanded(computing, undefined))) throw notLanded(name)
  if (!partitioning || !computed(true)) return shared
  if (named !== undefined) {
    const found = partitionNamed(partitioning, named, now)
    if (!(await hasLanded(computing, found))) throw notLanded(name, named)
    return [found.name]
  }
  const landed: string[] = []
  for (const each of partitionsUntil(partitioning, now)) if (await hasLanded(computing, each)) landed.push(each.name)
  if (landed.length === 0 && shared.length === 0) throw notLanded(name)
  return [...shared, ...spread(landed, sample)]
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
