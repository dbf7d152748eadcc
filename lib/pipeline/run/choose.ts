import { ConfigError } from '../../core/errors.ts'
import type { AnyPipeline } from '../define/definition.ts'
import { type Partition, partitionNamed, partitionsBetween } from '../define/partitions.ts'

/** Which partitions a user named. */
export interface PartitionChoice {
  readonly partition?: string
  readonly from?: string
  /** Exclusive. */
  readonly to?: string
  /** Of those that are named, or of all, the ones that are made of what has changed since: see `stalePlan`. */
  readonly stale?: boolean
}

/** The partitions named, oldest first; undefined when none were. @throws ConfigError for a name that is none, and names where there are no partitions. */
export function chosenPartitions(
  { name, partition: partitioning }: AnyPipeline,
  choice: PartitionChoice,
  now: Date,
): readonly Partition[] | undefined {
  const { partition, from, to, stale } = choice
  if (stale && !partitioning)
    throw new ConfigError(`pipeline "${name}" has no partitions`, {
      pipeline: name,
      hint: `run it without --stale: what changed is made again by every run`,
    })
  if (partition === undefined && from === undefined && to === undefined) return undefined
  if (partition !== undefined && (from !== undefined || to !== undefined))
    throw new ConfigError('--partition and --from/--to exclude each other', { pipeline: name })
  if (!partitioning)
    throw new ConfigError(`pipeline "${name}" has no partitions`, { pipeline: name, hint: `run it without --partition, --from and --to` })
  if (partition !== undefined) return [partitionNamed(partitioning, partition, now)]
  const chosen = partitionsBetween(partitioning, from, to, now)
  if (chosen.length === 0)
    throw new ConfigError(`no partition of "${name}" lies in [${from ?? '…'}, ${to ?? '…'}) and has begun by ${now.toISOString()}`, {
      pipeline: name,
    })
  return chosen
}
