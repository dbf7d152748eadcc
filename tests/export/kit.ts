import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { buffer, text } from 'node:stream/consumers'
import { onTestFinished } from 'vitest'
import { local } from '../../lib/connectors/local/index.ts'
import type { Store } from '../../lib/connectors/store.ts'
import type { Dataset } from '../../lib/core/dataset.ts'
import type { Export } from '../../lib/export/contract/export.ts'
import { committedKeys } from '../../lib/export/delivered.ts'
import { deliveryLayout } from '../../lib/export/layout.ts'
import { DeliveryManifest, Latest } from '../../lib/export/manifest.ts'
import { lookAt } from '../../lib/export/pointer.ts'
import type { StoredReader } from '../../lib/export/prove/read-stored.ts'
import { temporaryFolder } from '../kit/context.ts'
import { datasetOf } from '../kit/dataset.ts'
import { idName } from './names.ts'

export { exportOf, idName, keyOf, requestOfNames as requestOf } from './names.ts'

/** A fresh folder store, closed after the test. */
export function freshStore(folder = temporaryFolder()): Store {
  const store = local(join(folder, 'store')).openStore()
  onTestFinished(() => store.close())
  return store
}

export async function readText(store: Store, key: string): Promise<string> {
  return text(await store.get(key))
}

export async function readBytes(store: Store, key: string): Promise<Buffer> {
  return buffer(await store.get(key))
}

export async function keysOf(store: Store, prefix = ''): Promise<string[]> {
  const keys: string[] = []
  for await (const key of store.list(prefix)) keys.push(key)
  return keys
}

/** Reads nothing back, for what is written without a contract. */
export const notRead = (): StoredReader => ({
  add: () => undefined,
  requireReadable: () => undefined,
  end: async () => ({ rows: 0, content: 0n, order: 0n, columns: [] }),
  stop: () => undefined,
})

/** A dataset of `id` and `name`, rows shuffled. */
export async function namesDataset(rows: number, name = 'names'): Promise<Dataset> {
  return datasetOf(temporaryFolder(), name, idName, `SELECT range AS id, 'name ' || range AS name FROM range(${rows}) ORDER BY hash(range)`)
}

/** All objects with their content; JSON without `run`, as two runs are compared. */
export async function contentOf(store: Store): Promise<Record<string, unknown>> {
  const content: Record<string, unknown> = {}
  for (const key of await keysOf(store)) {
    const body = await readText(store, key)
    content[key] = key.endsWith('.json') ? { ...(JSON.parse(body) as object), run: undefined } : body
  }
  return content
}

/**
 * What a downstream reader does: follows latest.json, and holds every object against the manifest. Throws when anything that is visible is not whole.
 */
export async function followLatest(store: Store, latestKey: string): Promise<DeliveryManifest | undefined> {
  if (!(await store.head(latestKey))) return undefined
  const latest = Latest.parse(JSON.parse(await readText(store, latestKey)))
  const manifest = DeliveryManifest.parse(JSON.parse(await readText(store, latest.manifest)))
  for (const file of manifest.files) {
    const bytes = await readBytes(store, file.key)
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    if (bytes.length !== file.bytes || sha256 !== file.sha256) throw new Error(`${file.key} is not what its manifest says`)
  }
  return manifest
}

/** What `latest.json` of an export's partition says. */
export async function delivered(store: Store, target: Export, partition?: string): Promise<Latest | undefined> {
  return (await lookAt(store, deliveryLayout(target, partition).pointer)).latest
}

/** Whether an export's partition is settled under an input key. */
export async function isDelivered(store: Store, target: Export, partition: string | undefined, inputKey: string): Promise<boolean> {
  return (await committedKeys(store, target, partition)).includes(inputKey)
}
