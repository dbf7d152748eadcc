import type { Store } from '../connectors/store.ts'
import type { LoadManifest } from '../state/manifest.ts'

/** All loads of a dataset's partition (`_all` when it has none), by ascending id; the last one is current. `open`, `readKey` and `sourceVersion` are as last confirmed. */
export async function loadsOf(_store: Store, _pipeline: string, _dataset: string, _partition: string): Promise<LoadManifest[]> {
  throw new Error('not built yet')
}

/** The load with the highest id. */
export async function currentLoad(
  _store: Store,
  _pipeline: string,
  _dataset: string,
  _partition: string,
): Promise<LoadManifest | undefined> {
  throw new Error('not built yet')
}

/** The last landed cursor value of a cursor dataset as DuckDB's text; undefined when no row has landed. */
export async function lastCursor(_store: Store, _pipeline: string, _dataset: string): Promise<string | undefined> {
  throw new Error('not built yet')
}
