import { text } from 'node:stream/consumers'
import type { Store } from '../connectors/store.ts'
import { CheckError } from '../core/errors.ts'
import { sideBySide } from '../core/side-by-side.ts'
import type { Confirmation, LoadManifest } from '../state/manifest.ts'
import { parseConfirmation, parseManifest } from '../state/manifest-text.ts'
import { landingPlace, recordOfKey } from './keys.ts'

/** Of a store over a network one after the other would take its time. */
const READ_AT_ONCE = 16

/** The records of one dataset's partition. */
interface Records {
  /** Load ids, ascending. */
  readonly ids: readonly number[]
  /** The highest confirmation's number of each load that has one. */
  readonly confirmed: ReadonlyMap<number, number>
}

/**
 * All loads of a dataset's partition (`_all` when it has none), by ascending id; the last one is current. `open`, `readKey`, `window` and `sourceVersion` are as last confirmed: a window that was open
 * when it was read and found the same after its end is complete. With `after` only those of higher ids are read.
 * @throws CheckError for a damaged manifest
 */
export async function loadsOf(store: Store, pipeline: string, dataset: string, partition: string, after = 0): Promise<LoadManifest[]> {
  const records = await recordsOf(store, pipeline, dataset, partition)
  const ids = records.ids.filter((id) => id > after)
  return sideBySide(READ_AT_ONCE, ids, (id) => loadOf(store, pipeline, dataset, partition, id, records))
}

/** The load of an id that is there. @throws what the store does where it is not, CheckError when its manifest is damaged */
export async function loadNumbered(store: Store, pipeline: string, dataset: string, partition: string, id: number): Promise<LoadManifest> {
  return loadOf(store, pipeline, dataset, partition, id, await recordsOf(store, pipeline, dataset, partition))
}

/** The load with the highest id; undefined when nothing has landed. @throws CheckError when its manifest is damaged */
export async function currentLoad(store: Store, pipeline: string, dataset: string, partition: string): Promise<LoadManifest | undefined> {
  const records = await recordsOf(store, pipeline, dataset, partition)
  const id = records.ids.at(-1)
  return id === undefined ? undefined : loadOf(store, pipeline, dataset, partition, id, records)
}

/** The last landed cursor value of a cursor dataset as DuckDB's text, the highest of all loads; undefined when no row has landed, or one that nothing comes after. */
export async function lastCursor(store: Store, pipeline: string, dataset: string): Promise<string | undefined> {
  // Each load records at least the one before, so the newest has the highest.
  return lastCursorOf(await currentLoad(store, pipeline, dataset, '_all'))
}

/** That of a dataset's newest load. Infinity, which loads of earlier versions may have, is none: all must be read again. */
export function lastCursorOf(current: LoadManifest | undefined): string | undefined {
  return hasEndlessCursor(current) ? undefined : current?.cursor?.to
}

/** Whether a load's last cursor value is infinity or NaN. */
export function hasEndlessCursor(current: LoadManifest | undefined): boolean {
  const { column, to } = current?.cursor ?? {}
  return column !== undefined && to !== undefined && hasInfinity(current?.columns[column]) && /^-?(inf(inity)?|nan)$/.test(to)
}

/** Types with values that are before or after all others. */
export function hasInfinity(type: string | undefined): boolean {
  return ['date', 'timestamp', 'timestamptz', 'float32', 'float64'].includes(type ?? '')
}

/** The number that the next confirmation of a load gets. */
export async function nextConfirmation(store: Store, { pipeline, dataset, partition, id }: LoadManifest): Promise<number> {
  return ((await recordsOf(store, pipeline, dataset, partition)).confirmed.get(id) ?? 0) + 1
}

async function recordsOf(store: Store, pipeline: string, dataset: string, partition: string): Promise<Records> {
  const ids: number[] = []
  const confirmed = new Map<number, number>()
  for await (const key of store.list(landingPlace(pipeline, dataset, partition).manifests)) {
    const record = recordOfKey(key)
    if (!record) continue
    if (record.confirmed === undefined) ids.push(record.id)
    else confirmed.set(record.id, Math.max(record.confirmed, confirmed.get(record.id) ?? 0))
  }
  return { ids: ids.sort((a, b) => a - b), confirmed }
}

async function loadOf(
  store: Store,
  pipeline: string,
  dataset: string,
  partition: string,
  id: number,
  { confirmed }: Records,
): Promise<LoadManifest> {
  const place = landingPlace(pipeline, dataset, partition)
  const key = place.manifest(id)
  const manifest = await parseManifest(await text(await store.get(key)), key)
  if (manifest.pipeline !== pipeline || manifest.dataset !== dataset || manifest.partition !== partition || manifest.id !== id)
    throw new CheckError(
      `the landing record ${key} is of another load: ${manifest.pipeline}, ${manifest.dataset}, ${manifest.partition}, ${manifest.id}`,
      { stage: 'land', pipeline, dataset, partition, file: key, hint: 'it was copied there: remove it' },
    )
  const n = confirmed.get(id)
  return n === undefined
    ? manifest
    : confirmedLoad(manifest, await parseConfirmation(await text(await store.get(place.confirmation(id, n))), place.confirmation(id, n)))
}

/** A confirmation of other content is left over from a load that someone deleted. */
function confirmedLoad(loaded: LoadManifest, confirmation: Confirmation): LoadManifest {
  const { open, readKey, sourceVersion, window = loaded.window, contentHash } = confirmation
  if (contentHash !== loaded.contentHash) return loaded
  const { sourceVersion: _, window: __, ...manifest } = loaded
  return { ...manifest, open, readKey, ...(window && { window }), ...(sourceVersion !== undefined && { sourceVersion }) }
}
