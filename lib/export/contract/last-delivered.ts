import type { Store } from '../../connectors/store.ts'
import { PermanentError } from '../../core/errors.ts'
import { lookBefore } from '../begin.ts'
import { deliveryLayout } from '../layout.ts'
import { readJson } from '../objects.ts'
import type { WrittenContract } from './contract-changes.ts'
import type { Export } from './export.ts'

/** What readers of an export have now. */
export interface LastDelivered {
  /** undefined: an export without partitions. */
  readonly partition: string | undefined
  /** When it was delivered, UTC. */
  readonly at: string
  /** undefined: the manifest is of an earlier format, or damaged, and promises nothing that could be compared. */
  readonly contract: WrittenContract | undefined
}

/** What is delivered of one partition of an export; undefined where nothing is. */
export async function deliveredContract(store: Store, target: Export, partition: string | undefined): Promise<LastDelivered | undefined> {
  const { last, pointed } = await lookBefore(store, target, partition, deliveryLayout(target, partition))
  if (!last || !pointed.latest) return undefined
  const manifest = await readJson(store, last.manifest, 'DeliveryManifest').catch((error: unknown) => {
    if (error instanceof PermanentError) return undefined
    throw error
  })
  return { partition, at: pointed.latest.run.at, contract: manifest?.value.contract }
}

/** How many partitions are asked for at once. */
const BATCH = 32

/**
 * The newest partition that is delivered, of `partitions`, which are oldest first; undefined where none is. Asks for heads, from the newest on; of an export that was never delivered it lists what lies under its path, which
 * is nothing.
 */
export async function newestDelivered(store: Store, target: Export, partitions: readonly string[]): Promise<LastDelivered | undefined> {
  const { delivery, path } = target
  const place = delivery === undefined ? path : `${delivery}/${path}`
  if (!(await anythingUnder(store, place.slice(0, place.indexOf('{partition}'))))) return undefined
  for (let end = partitions.length; end > 0; end -= BATCH) {
    const batch = partitions.slice(Math.max(0, end - BATCH), end).reverse()
    const heads = await Promise.all(batch.map((name) => store.head(deliveryLayout(target, name).pointer.latest)))
    // The pointer of a named delivery speaks for all partitions, and may not have this one.
    for (const [at, head] of heads.entries()) {
      const found = head && (await deliveredContract(store, target, batch[at]))
      if (found) return found
    }
  }
  return undefined
}

async function anythingUnder(store: Store, prefix: string): Promise<boolean> {
  for await (const _ of store.list(prefix)) return true
  return false
}
