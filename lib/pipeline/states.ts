import type { Store } from '../connectors/store.ts'
import { deliveryLayout } from '../export/layout.ts'
import type { BoundPipeline, Target } from './bind.ts'
import type { Schema } from './definition.ts'
import { usableLoad } from './landed.ts'
import { type Partition, partitionsUntil } from './partitions.ts'
import type { TokenBook } from './session.ts'

/** A partition as the commit points say. */
export interface PartitionState {
  readonly partition: Partition
  /** `open`: its window has not ended. `done`: every load and export of it is committed, from a read of the whole window. */
  readonly state: 'done' | 'due' | 'open'
}

/** The state of every partition that has begun by `now`, oldest first. Reads commit points, asks no source. */
export async function partitionStates(
  {
    pipeline,
    schema,
    store,
    exports,
    tokens,
  }: {
    readonly pipeline: BoundPipeline
    readonly schema: Schema
    readonly store: Store
    readonly exports: Store
    readonly tokens: TokenBook
  },
  now: Date,
): Promise<readonly PartitionState[]> {
  const { definition, targets } = pipeline
  if (!definition.partition) return []
  const partitioned = targets.filter((target) => target.partitioned)
  const committed = async (target: Target, { name }: Partition) => {
    if (target.stage === 'load') return tokens.get(target.load.table, name) !== undefined
    const { latest, keptLast } = deliveryLayout(target.export, name)
    return (await exports.head(latest)) !== undefined || (await exports.head(keptLast)) !== undefined
  }
  const windows = Object.entries(definition.extract).filter(([name]) => pipeline.bound.datasets[name]?.partitioned)
  const states: PartitionState[] = []
  for (const partition of partitionsUntil(definition.partition, now)) {
    const ended = partition.window === undefined || partition.window.end <= now
    let done = ended
    for (const target of partitioned) done &&= await committed(target, partition)
    for (const [name] of windows) {
      if (!done) break
      const load = await usableLoad({ pipeline, schema, store }, name, partition.name)
      done = load !== undefined && !load.open
    }
    states.push({ partition, state: !ended ? 'open' : done ? 'done' : 'due' })
  }
  return states
}
