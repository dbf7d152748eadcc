import type { Store } from '../connectors/store.ts'
import type { RunContext } from '../core/context.ts'
import type { Dataset } from '../core/dataset.ts'
import type { LoadManifest } from '../state/manifest.ts'

/** The dataset that loads of window and whole kinds add up to. `loads` are of one dataset, at least one, with equal columns. */
export async function datasetOfLoads(_store: Store, _loads: readonly LoadManifest[], _ctx: RunContext): Promise<Dataset> {
  throw new Error('not built yet')
}

/** What one load of a cursor dataset brought. */
export interface Changes {
  /** The load's rows, named `<dataset>.changes`. */
  readonly dataset: Dataset
  /** Local Parquet files with the keys that are gone; absent when there are none. */
  readonly tombstones?: readonly string[]
}

export async function changesOf(_store: Store, _load: LoadManifest, _ctx: RunContext): Promise<Changes> {
  throw new Error('not built yet')
}

/** Compares every file of the loads with its manifest byte for byte (SHA-256). */
export async function verifyFiles(_store: Store, _loads: readonly LoadManifest[]): Promise<void> {
  throw new Error('not built yet')
}
