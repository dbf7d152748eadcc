import type { Store } from '../../connectors/store.ts'
import type { Export } from '../../export/contract/export.ts'
import { type DeliveryLayout, deliveryLayout } from '../../export/layout.ts'
import { namedBy } from '../../export/named.ts'
import { fencePointer, lookAt } from '../../export/pointer.ts'
import type { PointerLayout } from '../../export/pointer-layout.ts'
import { deliveryLock, lock, partitionLock, sharedLock } from '../../state/lock.ts'
import type { BoundPipeline } from '../define/bind.ts'
import { pendingNotices } from '../notice/pending-notices.ts'
import type { Session } from '../run/session.ts'

/** One export's partition under a pointer. */
export interface Member {
  readonly dataset: string
  readonly export: Export
  readonly partition: string | undefined
  readonly layout: DeliveryLayout
}

/** What one pointer of a pipeline leads to. */
export interface PointerPlaces {
  /** The export's path or the delivery's name, as the pipeline has it. */
  readonly name: string
  /** undefined: it is not one partition's. */
  readonly partition: string | undefined
  readonly pointer: PointerLayout
  /** Whether it is a named delivery. */
  readonly named: boolean
  readonly members: readonly Member[]
}

/** Every pointer that the exports of a pipeline have, for these partitions. */
export function pointersOf({ targets }: Pick<BoundPipeline, 'targets'>, partitions: readonly string[]): readonly PointerPlaces[] {
  const all = new Map<string, PointerPlaces & { members: PointerPlaces['members'][number][] }>()
  for (const target of targets) {
    if (target.stage !== 'export') continue
    const { delivery, path } = target.export
    for (const partition of target.partitioned ? partitions : [undefined]) {
      const layout = deliveryLayout(target.export, partition)
      const own = delivery === undefined || delivery.includes('{partition}')
      const places = all.get(layout.pointer.folder) ?? {
        ...{ name: delivery ?? path, partition: own ? partition : undefined, pointer: layout.pointer, named: delivery !== undefined },
        members: [],
      }
      places.members.push({ dataset: target.dataset, export: target.export as Export, partition, layout })
      all.set(layout.pointer.folder, places)
    }
  }
  return [...all.values()]
}

/** How deliveries are pruned. */
export interface Pruning {
  /** How many deliveries stay, with the current one. */
  readonly keep: number
  /** Removes one object; of a dry run only says so. */
  readonly remove: (key: string, bytes: number) => Promise<void>
  readonly dryRun: boolean
  readonly signal: AbortSignal | undefined
}

/**
 * Removes what a pointer no longer leads to, and nobody is still to be told of; gives how many objects it keeps, and the runs that made what it leads to. The locks are this machine's: a run of another one may have made what nothing leads to yet, so
 * before anything goes the pointer is fenced, and such a run cannot switch to it any more.
 * @throws OutrunError where another machine has switched meanwhile
 */
export async function pruneDeliveries(
  { pipeline, exports, locks }: Pick<Session, 'pipeline' | 'exports' | 'locks'>,
  { pointer, named, members }: PointerPlaces,
  { keep, remove, dryRun, signal }: Pruning,
): Promise<{ readonly kept: number; readonly runs: readonly string[] }> {
  const { name } = pipeline.definition
  const waiting = signal ? { signal } : {}
  const whole = named ? deliveryLock(locks, name, pointer.folder) : undefined
  using _held = whole && (await lock(whole.path, { what: whole.what, ...waiting }))
  let kept = 0
  let runs: readonly string[] = []
  const clear = async (folder: string, isDelivery: (key: string) => boolean) => {
    // Asked again for each folder, whose lock is held now.
    const waiting = (await pendingNotices({ pipeline, exports }, [pointer.folder])).map(({ from, to }) => to - from + 1)
    const pointed = await lookAt(exports, pointer)
    const leads = await namedBy(exports, pointer, Math.max(keep, ...waiting))
    runs = leads.runs
    const gone: string[] = []
    for await (const key of exports.list(`${folder}/`)) {
      if (leads.keys.has(key)) kept++
      // The first: one that waits no more. Below it may lie another export's deliveries, or somebody's own files.
      else if (key === pointer.held || isDelivery(key)) gone.push(key)
    }
    if (gone.length > 0 && !dryRun) await fencePointer(exports, { stage: 'export', pipeline: name, file: pointer.latest }, pointer, pointed)
    for (const key of gone) await remove(key, await bytesOf(exports, key))
  }
  for (const { partition, layout } of members) {
    const { path, what } = partition === undefined ? sharedLock(locks, name) : partitionLock(locks, name, partition)
    using _own = await lock(path, { what, ...waiting })
    await clear(layout.folder, layout.isDelivery)
  }
  if (named) await clear(pointer.folder, pointer.isManifest)
  return { kept, runs }
}

async function bytesOf(store: Store, key: string): Promise<number> {
  return (await store.head(key))?.bytes ?? 0
}
