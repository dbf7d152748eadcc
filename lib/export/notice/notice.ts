import type { Notice } from '../../connectors/notifier.ts'
import type { Store } from '../../connectors/store.ts'
import { PermanentError } from '../../core/errors.ts'
import { hashOf } from '../../core/hash.ts'
import { redact } from '../../core/secret.ts'
import type { Latest, SetMember } from '../manifest.ts'
import { readJson } from '../objects.ts'
import type { PointerLayout } from '../pointer-layout.ts'

/** What a manifest holds of one export and partition, and where that lies. */
export type Part = Pick<SetMember, 'path' | 'partition' | 'files' | 'rows' | 'contract' | 'manifest'>

/** Beyond so many files a notice names none of them: the manifest does. */
const MOST_FILES = 100

/** What one switch led to; undefined where its manifest is gone, or of an earlier format: readers cannot follow it either. */
export async function partsOf(store: Store, { manifest: key, dataset }: Latest): Promise<readonly Part[] | undefined> {
  try {
    if (dataset === null) return (await readJson(store, key, 'SetManifest'))?.value.members
    const manifest = (await readJson(store, key, 'DeliveryManifest'))?.value
    return manifest && [{ ...manifest, manifest: key }]
  } catch (error) {
    if (error instanceof PermanentError) return undefined
    throw error
  }
}

/** The same for a switch and a receiver, whoever sends it and how often: two deliveries of which a pointer was deleted in between have other ids, if they are others. */
export function noticeId({ pipeline, switch: n, manifest }: Latest, { folder }: Pick<PointerLayout, 'folder'>, receiver: string): string {
  return hashOf([pipeline, folder, n, manifest, receiver]).slice(0, 32)
}

/** What a receiver is told of one switch. `store`: where keys lie. */
export function noticeOf(
  latest: Latest,
  parts: readonly Part[] | undefined,
  { pointer, receiver, store }: { readonly pointer: PointerLayout; readonly receiver: string; readonly store: string },
): Notice {
  const { pipeline, dataset, path, partition, inputKey, manifest, switch: n, rolledBack, accepted, run } = latest
  const id = noticeId(latest, pointer, receiver)
  const type = 'delivery.switched'
  const about = {
    pipeline,
    ...(dataset === null ? { delivery: path } : { path, dataset }),
    partition,
    switch: n,
  }
  const body = {
    ...{ type, id, timestamp: run.at },
    data: {
      ...about,
      ...{ store: redact(store), latest: pointer.latest, manifest, manifestSha256: run.manifestSha256, inputKey },
      ...(parts && contentOf(parts, dataset === null)),
      ...(rolledBack && { rolledBack }),
      ...(accepted && { accepted }),
      run: run.id,
    },
  }
  const attributes = Object.entries({ type, id, ...about, manifest }).flatMap(([name, value]) =>
    value === null ? [] : [[name, String(value)]],
  )
  return { id, at: run.at, body: JSON.stringify(body), attributes: Object.fromEntries(attributes) }
}

function contentOf(parts: readonly Part[], isSet: boolean) {
  const files = parts.flatMap((part) =>
    part.files.map((file) => ({ ...(isSet && { path: part.path, partition: part.partition }), ...file })),
  )
  return {
    rows: parts.reduce((sum, { rows }) => sum + rows, 0),
    fileCount: files.length,
    ...(files.length <= MOST_FILES && { files }),
    contracts: Object.fromEntries(parts.map(({ path, contract }) => [path, contract.version])),
  }
}
