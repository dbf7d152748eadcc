import type { Store } from '../connectors/store.ts'
import type { SetManifest, SetMember } from './manifest.ts'
import { readJson } from './objects.ts'

/** Manifests never change, so that one that was read is read. The last one of each folder: a run asks for each of its partitions. */
const known = new WeakMap<Store, Map<string, { readonly key: string; readonly set: SetManifest }>>()

/** What a named delivery's manifest says; undefined where it is gone: then all is delivered again. @throws PermanentError where it is damaged */
export async function setOf(store: Store, key: string): Promise<SetManifest | undefined> {
  const folder = key.slice(0, key.lastIndexOf('/'))
  const sets = known.get(store) ?? new Map<string, { readonly key: string; readonly set: SetManifest }>()
  known.set(store, sets)
  const read = sets.get(folder)
  if (read?.key === key) return read.set
  const set = (await readJson(store, key, 'SetManifest'))?.value
  if (set) sets.set(folder, { key, set })
  return set
}

/** What a set holds of one export and partition. */
export function memberOf(
  set: SetManifest | undefined,
  { path }: { readonly path: string },
  partition: string | undefined,
): SetMember | undefined {
  return set?.members.find((each) => each.path === path && each.partition === (partition ?? null))
}

/** SHA-256 of a member's own manifest. */
export function manifestSha256(set: SetManifest, { manifest }: SetMember): string {
  return set.run.manifests[manifest] ?? ''
}
