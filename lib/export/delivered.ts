import type { ObjectInfo, Store } from '../connectors/store.ts'
import { PermanentError } from '../core/errors.ts'
import { sideBySide } from '../core/side-by-side.ts'
import { together } from '../core/together.ts'
import type { Export } from './contract/export.ts'
import { type DeliveryLayout, deliveryLayout, TEMPORARY } from './layout.ts'
import type { SetManifest } from './manifest.ts'
import { FILES, headsOf, INPUT_KEY, MANIFEST, OBJECT, OBJECTS_AT_ONCE, ROLLED_BACK, readJson } from './objects.ts'
import { lookAt } from './pointer.ts'
import { memberOf, setOf } from './set.ts'

/**
 * The input keys under which an export's partition is settled: that of its delivery, where all its objects are there, that of one from which a person went back to it, that of a later input without rows that kept it. None:
 * never delivered, or to be mended. Asks for heads only, two and then at most three at once, but where a delivery has several files: that objects are there, not that their bytes are right.
 */
export async function committedKeys(store: Store, target: Export, partition: string | undefined): Promise<readonly string[]> {
  const layout = deliveryLayout(target, partition)
  const [latest, keptLast] = await Promise.all([store.head(layout.pointer.latest), store.head(layout.keptLast)])
  const keys =
    target.delivery === undefined
      ? (await isWhole(store, target, layout, latest))
        ? [latest?.metadata[INPUT_KEY], latest?.metadata[ROLLED_BACK]]
        : []
      : await keysInSet(store, target, partition, layout, latest)
  return [...keys, keptLast?.metadata[INPUT_KEY]].filter((key) => key !== undefined)
}

/** Of one without committed keys: whether it is whole but for its plain copy, which is of an earlier delivery. A run was killed between the switch and the copy. */
export async function isCopyBehind(store: Store, target: Export, partition: string | undefined): Promise<boolean> {
  if (!target.plain || !(await store.head(deliveryLayout(target, partition).plain))) return false
  return (await committedKeys(store, { ...target, plain: false }, partition)).length > 0
}

/** Whether what a `latest.json` names is there: manifest, files, and a plain copy of just this delivery. One whose metadata do not say is none of ours, or was changed by hand. */
async function isWhole(store: Store, target: Export, layout: DeliveryLayout, latest: ObjectInfo | undefined): Promise<boolean> {
  const { [INPUT_KEY]: key, [MANIFEST]: manifest, [OBJECT]: object, [FILES]: several } = latest?.metadata ?? {}
  if (key === undefined || manifest === undefined) return false
  if (several === undefined) return areThere(store, target, layout, { manifest, files: object === undefined ? [] : [{ key: object }] })
  const files = (await readJson(store, manifest, 'DeliveryManifest').catch(damaged))?.value.files
  return files !== undefined && areThere(store, target, layout, { manifest, files })
}

async function areThere(
  store: Store,
  { plain }: Export,
  layout: DeliveryLayout,
  { manifest, files }: { readonly manifest: string; readonly files: readonly { readonly key: string; readonly bytes?: number }[] },
): Promise<boolean> {
  const [copy, [vouching, ...objects]] = await Promise.all([
    plain ? store.head(layout.plain) : undefined,
    headsOf(store, [{ key: manifest }, ...files]),
  ])
  if (!vouching || objects.some((object, i) => !object || object.bytes !== (files[i]?.bytes ?? object.bytes))) return false
  if (!plain) return true
  return files.length === 0 ? copy === undefined : copy?.metadata[MANIFEST] === manifest
}

/** The same of a named delivery, whose manifest says it for all its members. */
async function keysInSet(
  store: Store,
  target: Export,
  partition: string | undefined,
  layout: DeliveryLayout,
  latest: ObjectInfo | undefined,
): Promise<readonly string[]> {
  const key = latest?.metadata[MANIFEST]
  if (key === undefined) return []
  const member = memberOf(await setOf(store, key).catch(damaged), target, partition)
  if (!member || !(await areThere(store, target, layout, { manifest: member.manifest, files: member.files }))) return []
  if (latest?.metadata[ROLLED_BACK] === undefined) return [member.inputKey]
  const { rolledBack } = (await lookAt(store, layout.pointer)).latest ?? {}
  const before: SetManifest | undefined = rolledBack && (await setOf(store, rolledBack.manifest).catch(damaged))
  const other = memberOf(before, target, partition)
  return [member.inputKey, ...(other ? [other.inputKey] : [])]
}

/** Of an earlier format, or changed by a hand: as good as none. */
function damaged(error: unknown): undefined {
  if (!(error instanceof PermanentError)) throw error
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
  const look = looks.get(store) ?? together(Number.POSITIVE_INFINITY, (asked: readonly undefined[]) => temporaryKeys(store, asked))
  looks.set(store, look)
  const keys = await look(undefined)
  await store.sweep?.(`${layout.folder}/`)
  const left = keys.filter((key) => key.split('/')[2]?.startsWith(`${layout.id}-`))
  await sideBySide(OBJECTS_AT_ONCE, left, (key) => store.delete(key))
}

/** Exports that begin at the same time share a look at what is left. */
const looks = new WeakMap<Store, (asked: undefined) => Promise<readonly string[]>>()

async function temporaryKeys(store: Store, asked: readonly undefined[]): Promise<readonly (readonly string[])[]> {
  await store.sweep?.(TEMPORARY)
  const keys: string[] = []
  for await (const key of store.list(TEMPORARY)) keys.push(key)
  return asked.map(() => keys)
}
