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

type Committed = {
  readonly pipeline: BoundPipeline
  readonly schema: Schema
  readonly store: Store
  readonly exports: Store
  readonly tokens: TokenBook
}

/** The state of every partition that has begun by `now`, oldest first. Reads commit points, asks no source. */
export async function partitionStates(session: Committed, now: Date): Promise<readonly PartitionState[]> {
  const { definition } = session.pipeline
  if (!definition.partition) return []
  const states: PartitionState[] = []
  for (const partition of partitionsUntil(definition.partition, now))
    states.push({ partition, state: await partitionState(session, partition, now) })
  return states
}

/** How one partition stands at `now`, by its commit points. */
export async function partitionState(
  { pipeline, schema, store, exports, tokens }: Committed,
  { name, window }: Partition,
  now: Date,
): Promise<PartitionState['state']> {
  if (window !== undefined && window.end > now) return 'open'
  const committed = async (target: Target) => {
    if (target.stage === 'load') return tokens.get(target.load.table, name) !== undefined
    const { latest, keptLast } = deliveryLayout(target.export, name)
    return (await exports.head(latest)) !== undefined || (await exports.head(keptLast)) !== undefined
  }
  for (const target of pipeline.targets) if (target.partitioned && !(await committed(target))) return 'due'
  for (const dataset of Object.keys(pipeline.definition.extract)) {
    if (!pipeline.bound.datasets[dataset]?.partitioned) continue
    const load = await usableLoad({ pipeline, schema, store }, dataset, name)
    if (load === undefined || load.open) return 'due'
  }
  return 'done'
}
