import type { Store } from '../../connectors/store.ts'
import { sideBySide } from '../../core/side-by-side.ts'
import { isCopyBehind } from '../../export/delivered.ts'
import { type BoundPipeline, hasPartitions, type Target } from '../define/bind.ts'
import type { Schema } from '../define/definition.ts'
import { madeByOtherCode, madeFrom } from '../define/input-key.ts'
import { type Partition, partitionsUntil } from '../define/partitions.ts'
import { contentOfLoad, type SeenContent } from '../define/read-columns.ts'
import type { StepHashes } from '../define/step-code.ts'
import { forwarded, isForwardDone } from '../run/forward.ts'
import { usableLoad } from '../run/landed.ts'
import type { TokenBook } from '../run/session.ts'
import { committedInputs } from './committed-inputs.ts'

/** A partition as the commit points say. */
export interface PartitionState {
  readonly partition: Partition
  /** `open`: its window has not ended. `done`: every load and export of it is committed, from what landed last, a read of the whole window. */
  readonly state: 'done' | 'due' | 'open'
  /** It is done, and something of it was made by other code than today's: it is made again only when it is named. */
  readonly stale: boolean
  /** It was done, and is due since a run that made it again was killed before a plain copy had followed: whatever made it again is to end it. */
  readonly unfinished?: true
}

type Committed = {
  readonly pipeline: BoundPipeline
  readonly schema: Schema
  readonly store: Store
  readonly exports: Store
  readonly tokens: TokenBook
  readonly steps: StepHashes
}

/** The state of every partition that has begun by `now`, oldest first; none where nothing is partitioned. Reads commit points, asks no source. */
export async function partitionStates(session: Committed, now: Date): Promise<readonly PartitionState[]> {
  const { definition } = session.pipeline
  if (!definition.partition || !hasPartitions(session.pipeline)) return []
  return sideBySide(LOOKED_AT_ONCE, partitionsUntil(definition.partition, now), async (partition) => ({
    partition,
    ...(await partitionState(session, partition, now)),
  }))
}

/** Years of days in a bucket, one after the other, would take minutes. */
const LOOKED_AT_ONCE = 16

/** How one partition stands at `now`, by its commit points. */
export async function partitionState(session: Committed, partition: Partition, now: Date): Promise<Omit<PartitionState, 'partition'>> {
  const { window } = partition
  if (window !== undefined && window.end > now) return { state: 'open', stale: false }
  const keys = await keysOfDone(session, partition)
  if (keys === undefined || keys === 'unfinished') return { state: 'due', stale: false, ...(keys && { unfinished: true }) }
  const { pipeline, steps } = session
  return { state: 'done', stale: [...keys].some(([target, committed]) => madeByOtherCode(committed, pipeline, target, steps)) }
}

/** The committed keys of each target of a partition that is done; undefined, or `unfinished`, when it is due. */
async function keysOfDone(
  { pipeline, schema, store, exports, tokens }: Committed,
  partition: Partition,
): Promise<ReadonlyMap<Target, readonly string[]> | 'unfinished' | undefined> {
  const { name } = partition
  const contents = new Map<string, SeenContent>()
  for (const [dataset, { forward }] of Object.entries(pipeline.definition.extract)) {
    if (forward === true || !pipeline.bound.datasets[dataset]?.partitioned) continue
    const load = await usableLoad({ pipeline, schema, store }, dataset, partition)
    if (load === undefined || load.open) return undefined
    contents.set(dataset, contentOfLoad(load))
  }
  const committed = new Map<Target, readonly string[]>()
  for (const target of pipeline.targets) {
    if (!target.partitioned) continue
    const passed = forwarded(pipeline, target)
    if (passed && !isForwardDone({ pipeline, schema, tokens }, passed, partition)) return undefined
    if (passed) continue
    const keys = await committedInputs({ tokens, exports }, target, name)
    if (keys.length === 0 && target.stage === 'export' && (await isCopyBehind(exports, target.export, name))) return 'unfinished'
    // What landed since the commit may be the rest of a window that was open, or a read whose check failed.
    if (!keys.some((key) => madeFrom(key, pipeline, target, { partition, contentOf: (dataset) => contents.get(dataset) }))) return undefined
    committed.set(target, keys)
  }
  return committed
}
