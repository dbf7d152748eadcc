import type { Store } from '../connectors/store.ts'
import type { LoadManifest } from '../state/manifest.ts'
import { compactedPlace, landingPlace, loadOfFile, recordOfKey } from './keys.ts'

/**
 * Removes what runs that were killed have left of a dataset's partition: files that no manifest names, and unfinished puts. Only under the lock of that partition, with the loads read under it: a file that
 * another run is about to name would be taken for left over. `loads` are all from `from` on: files of earlier ones were looked at when those landed. Such a lock holds on one machine, so a store that spans machines is left alone. Gives the number of objects removed.
 */
export async function sweepLanding(
  store: Store,
  pipeline: string,
  dataset: string,
  partition: string,
  loads: readonly LoadManifest[],
  from = 0,
): Promise<number> {
  const { folder, manifests } = landingPlace(pipeline, dataset, partition)
  if (store.localPath(folder.slice(0, -1)) === undefined) return 0
  const named = new Set(loads.flatMap((load) => [...load.files, ...(load.tombstones ?? [])].map((file) => file.key)))
  const left: string[] = []
  for await (const key of store.list(folder))
    if (!named.has(key) && !key.startsWith(manifests) && (loadOfFile(key) ?? Infinity) >= from) left.push(key)
  for (const key of left) await store.delete(key)
  return left.length + ((await store.sweep?.(folder)) ?? 0)
}

/** The same for what compactions have left. Under the lock of the dataset's landing. */
export async function sweepCompactions(store: Store, pipeline: string, dataset: string): Promise<number> {
  const { folder } = compactedPlace(pipeline, dataset)
  if (store.localPath(folder.slice(0, -1)) === undefined) return 0
  const [records, left] = [new Set<number>(), [] as string[]]
  for await (const key of store.list(folder)) {
    const record = recordOfKey(key)
    if (record) records.add(record.id)
    else left.push(key)
  }
  // A record's own files are named before it: only those of a compaction that never came to its record are left over.
  const unnamed = left.filter((key) => !records.has(loadOfFile(key) ?? 0))
  for (const key of unnamed) await store.delete(key)
  return unnamed.length + ((await store.sweep?.(folder)) ?? 0)
}
