import type { Staged } from '../../export/stage.ts'
import type { ExportTarget } from '../define/bind.ts'

/** What a run has staged of named deliveries, until they are switched. */
export interface StagingBook {
  add(staged: Staged): void
  /** What is staged of deliveries that commit here: those of one partition, or (undefined) those of all; by delivery. */
  of(partition: string | undefined): ReadonlyMap<string, readonly Staged[]>
  has(target: ExportTarget, partition: string | undefined, inputKey: string): boolean
}

export function stagingBook(): StagingBook {
  const all: Staged[] = []
  return {
    add: (staged) => void all.push(staged),
    of: (partition) =>
      Map.groupBy(
        all.filter((each) => (isForEachPartition(nameOf(each)) ? each.partition : undefined) === partition),
        nameOf,
      ),
    has: (target, partition, inputKey) =>
      all.some((each) => each.export.path === target.export.path && each.partition === partition && each.inputKey === inputKey),
  }
}

const nameOf = (staged: Staged) => staged.export.delivery ?? ''
const isForEachPartition = (delivery: string) => delivery.includes('{partition}')
