import type { RunContext } from '../../core/context.ts'
import { compactedPlace } from '../../land/keys.ts'
import type { LandKind } from '../../land/request.ts'
import { compactionsOf, stateLoads } from '../../land/state-loads.ts'
import type { Session } from '../run/session.ts'

/**
 * Removes the compactions of a cursor dataset that a newer one has replaced, and that no pinned record names: first the record, so that none ever names a file that is gone. The loads stay: tokens name them, and readers of
 * changes take them one by one. Under the lock of the shared datasets. Gives the number of compactions that are kept.
 */
export async function pruneCompactions(
  { pipeline, schema, store }: Session,
  {
    dataset,
    kind,
    pinned,
  }: { readonly dataset: string; readonly kind: LandKind & { readonly by: 'cursor' }; readonly pinned: ReadonlySet<string> },
  ctx: RunContext,
  remove: (what: 'landing', key: string, bytes: number, act: () => Promise<unknown>) => Promise<void>,
): Promise<number> {
  const { name } = pipeline.definition
  const of = { pipeline: name, dataset, columns: schema[dataset] ?? {}, key: kind.key, cursor: kind.column }
  const all = await compactionsOf(store, name, dataset)
  const { compacted } = await stateLoads(store, of, ctx)
  // Where none counts, the damaged one may be mended: nothing is taken away from under it.
  const place = compactedPlace(name, dataset)
  const old = all.filter((to) => to < (compacted?.to ?? 0) && !pinned.has(place.record(to)))
  for (const to of old) {
    await remove('landing', place.record(to), 0, () => store.delete(place.record(to)))
    const files: string[] = []
    for await (const key of store.list(place.files(to))) files.push(key)
    for (const key of files) await remove('landing', key, (await store.head(key))?.bytes ?? 0, () => store.delete(key))
  }
  return all.length - old.length
}
