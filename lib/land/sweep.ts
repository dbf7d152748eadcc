import type { Store } from '../connectors/store.ts'
import type { LoadManifest } from '../state/manifest.ts'
import { landingPlace } from './keys.ts'

/**
 * Removes what runs that were killed have left of a dataset's partition: files that no manifest names, and unfinished puts. Only under the lock of that partition, with the loads read under it: a file that
 * another run is about to name would be taken for left over. Such a lock holds on one machine, so a store that spans machines is left alone. Gives the number of objects removed.
 */
export async function sweepLanding(
  store: Store,
  pipeline: string,
  dataset: string,
  partition: string,
  loads: readonly LoadManifest[],
): Promise<number> {
  const { folder, manifests } = landingPlace(pipeline, dataset, partition)
  if (store.localPath(folder.slice(0, -1)) === undefined) return 0
  const named = new Set(loads.flatMap((load) => [...load.files, ...(load.tombstones ?? [])].map((file) => file.key)))
  const left: string[] = []
  for await (const key of store.list(folder)) if (!named.has(key) && !key.startsWith(manifests)) left.push(key)
  for (const key of left) await store.delete(key)
  return left.length + ((await store.sweep?.(folder)) ?? 0)
}
