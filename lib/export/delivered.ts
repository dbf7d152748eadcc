import type { Store } from '../connectors/store.ts'
import type { Export } from './contract.ts'
import { type DeliveryLayout, deliveryLayout, TEMPORARY } from './layout.ts'
import type { Latest } from './manifest.ts'
import { INPUT_KEY, MANIFEST, OBJECT, readJson } from './objects.ts'

/** What `latest.json` of an export's partition says; undefined when nothing was delivered yet. `partition` undefined: an export without partitions. */
export async function delivered(store: Store, target: Export, partition: string | undefined): Promise<Latest | undefined> {
  return (await readJson(store, deliveryLayout(target, partition).latest, 'Latest'))?.value
}

/** The input keys under which an export's partition is settled: that of its delivery, that of a later input without rows that kept it. None: never delivered. Asks for two heads. */
export async function committedKeys(store: Store, target: Export, partition: string | undefined): Promise<readonly string[]> {
  const { latest, keptLast } = deliveryLayout(target, partition)
  const heads = [await store.head(latest), await store.head(keptLast)]
  return heads.flatMap((head) => (head ? [head.metadata[INPUT_KEY] ?? ''] : []))
}

/**
 * Whether an export's partition is delivered under this input key with its objects in place, or had no rows and kept the last delivery. Asks for heads only, at most four:
 * that objects are there, not that their bytes are right.
 */
export async function isDelivered(store: Store, target: Export, partition: string | undefined, inputKey: string): Promise<boolean> {
  const layout = deliveryLayout(target, partition)
  const { [INPUT_KEY]: key, [MANIFEST]: manifest, [OBJECT]: object } = (await store.head(layout.latest))?.metadata ?? {}
  if (key !== inputKey || manifest === undefined) return (await store.head(layout.keptLast))?.metadata[INPUT_KEY] === inputKey
  if (!(await store.head(manifest))) return false
  if (object !== undefined && !(await store.head(object))) return false
  if (!target.plain) return true
  const plain = await store.head(layout.plain)
  return object === undefined ? plain === undefined : plain?.metadata[MANIFEST] === manifest
}

/**
 * Deletes what killed deliveries left under `_tmp/`, and unfinished puts anywhere, for runs of which `isAlive` says no; gives the keys. A delivery that loses its object so, because it was alive after all, fails with a
 * TransientError and publishes nothing.
 */
export async function sweepTemporary(store: Store, isAlive: (run: string) => boolean | Promise<boolean>): Promise<readonly string[]> {
  await store.sweep?.('')
  const swept: string[] = []
  for await (const key of store.list(TEMPORARY)) {
    const run = key.slice(TEMPORARY.length).split('/')[0] ?? ''
    if (await isAlive(run)) continue
    await store.delete(key)
    swept.push(key)
  }
  return swept
}

/** The same for one export's partition, whose lock the caller holds: whatever lies there is a dead delivery's. */
export async function sweepDelivery(store: Store, layout: DeliveryLayout): Promise<void> {
  await store.sweep?.(TEMPORARY)
  await store.sweep?.(`${layout.folder}/`)
  for await (const key of store.list(TEMPORARY)) if (key.split('/')[2]?.startsWith(`${layout.id}-`)) await store.delete(key)
}
