import type { ObjectInfo, Store } from '../connectors/store.ts'
import type { Export } from './contract.ts'
import { type DeliveryLayout, deliveryLayout, TEMPORARY } from './layout.ts'
import type { Latest } from './manifest.ts'
import { INPUT_KEY, MANIFEST, OBJECT, readJson } from './objects.ts'

/** What `latest.json` of an export's partition says; undefined when nothing was delivered yet. `partition` undefined: an export without partitions. */
export async function delivered(store: Store, target: Export, partition: string | undefined): Promise<Latest | undefined> {
  return (await readJson(store, deliveryLayout(target, partition).latest, 'Latest'))?.value
}

/**
 * The input keys under which an export's partition is settled: that of its delivery, where all its objects are there, that of a later input without rows that kept it. None: never delivered, or to be mended. Asks for heads
 * only, two and then at most three at once: that objects are there, not that their bytes are right.
 */
export async function committedKeys(store: Store, target: Export, partition: string | undefined): Promise<readonly string[]> {
  const layout = deliveryLayout(target, partition)
  const [latest, keptLast] = await Promise.all([store.head(layout.latest), store.head(layout.keptLast)])
  const kept = keptLast?.metadata[INPUT_KEY]
  return [...((await isWhole(store, target, layout, latest)) ? [latest?.metadata[INPUT_KEY]] : []), kept].filter((key) => key !== undefined)
}

/** Whether an export's partition is settled under this input key, as `committedKeys` says. */
export async function isDelivered(store: Store, target: Export, partition: string | undefined, inputKey: string): Promise<boolean> {
  const layout = deliveryLayout(target, partition)
  const latest = await store.head(layout.latest)
  if (latest?.metadata[INPUT_KEY] === inputKey && latest.metadata[MANIFEST] !== undefined) return isWhole(store, target, layout, latest)
  return (await store.head(layout.keptLast))?.metadata[INPUT_KEY] === inputKey
}

/** Whether what a `latest.json` names is there: manifest, object, and a plain copy of just this delivery. One whose metadata do not say is none of ours, or was changed by hand. */
async function isWhole(store: Store, { plain }: Export, layout: DeliveryLayout, latest: ObjectInfo | undefined): Promise<boolean> {
  const { [INPUT_KEY]: key, [MANIFEST]: manifest, [OBJECT]: object } = latest?.metadata ?? {}
  if (key === undefined || manifest === undefined) return false
  const [vouching, data, copy] = await Promise.all([
    store.head(manifest),
    object === undefined ? undefined : store.head(object),
    plain ? store.head(layout.plain) : undefined,
  ])
  if (!vouching || (object !== undefined && !data)) return false
  if (!plain) return true
  return object === undefined ? copy === undefined : copy?.metadata[MANIFEST] === manifest
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
