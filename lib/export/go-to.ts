import type { Store } from '../connectors/store.ts'
import type { RunContext } from '../core/context.ts'
import { ConfigError, type ErrorPlace, PermanentError } from '../core/errors.ts'
import type { Export } from './contract/export.ts'
import type { File } from './delivery.ts'
import type { DeliveryLayout } from './layout.ts'
import type { DeliveryManifest, Latest, SetManifest } from './manifest.ts'
import { exportError, headsOf, readJson, sameContent } from './objects.ts'
import { settlePlain } from './plain-copy.ts'
import { type Pointed, switchPointer } from './pointer.ts'
import type { PointerLayout } from './pointer-layout.ts'
import { memberOf } from './set.ts'

/** A pointer that a person switches. */
export interface GoingTo {
  readonly pointer: PointerLayout
  readonly pointed: Pointed & { readonly latest: Latest }
  /** The exports and partitions under it: their plain copies follow. */
  readonly members: readonly { readonly export: Export; readonly partition: string | undefined; readonly layout: DeliveryLayout }[]
  readonly store: Store
  readonly ctx: Pick<RunContext, 'run' | 'clock' | 'signal'>
  readonly place: ErrorPlace
}

/** A delivery that is there, whether current or not. */
export interface There {
  readonly manifest: string
  readonly manifestSha256: string
  readonly inputKey: string
  readonly what: DeliveryManifest | SetManifest
}

/**
 * A delivery of which every object is there as its manifest says.
 * @throws ConfigError where it is not: nobody can go there
 */
export async function requireWhole(
  store: Store,
  { manifest, inputKey, manifestSha256 }: Omit<There, 'what'>,
  isSet: boolean,
): Promise<There> {
  const gone = (key: string, cause?: unknown) =>
    new ConfigError(`${key} is gone, or is not what was delivered: nobody can be led to it`, {
      file: key,
      cause,
      hint: 'millrace deliver history says which deliveries are whole; what is pruned cannot come back',
    })
  const found = await readJson(store, manifest, isSet ? 'SetManifest' : 'DeliveryManifest').catch((error: unknown) => {
    throw error instanceof PermanentError ? gone(manifest, error) : error
  })
  if (!found || found.sha256 !== manifestSha256) throw gone(manifest)
  const files = filesOf(found.value)
  const heads = await headsOf(store, files)
  const other = files.find((file, i) => !sameContent(heads[i], file))
  if (other) throw gone(other.key)
  return { manifest, manifestSha256, inputKey, what: found.value }
}

/** All files of a delivery, of one export or of a set. */
export function filesOf(what: DeliveryManifest | SetManifest): readonly File[] {
  return 'members' in what ? what.members.flatMap(({ files }) => files) : what.files
}

/** Switches to a delivery that is there, and brings the plain copies after it. The caller holds the lock; between machines the precondition decides. */
export async function goTo(
  { pointer, pointed, members, store, ctx, place }: GoingTo,
  { manifest, manifestSha256, inputKey, what }: There,
  why: Pick<Latest, 'rolledBack' | 'accepted'>,
): Promise<void> {
  const { pipeline, dataset, path, partition } = pointed.latest
  try {
    await switchPointer({ store, ctx, place }, pointer, pointed, {
      ...{ pipeline, dataset, path, partition, inputKey, manifest, manifestSha256, ...why },
      notify: [...new Set(members.flatMap((each) => each.export.notify))],
      ...(!('members' in what) && { files: what.files.map(({ key }) => key) }),
    })
    for (const { export: target, partition: of, layout } of members) {
      if (!target.plain) continue
      const own = 'members' in what ? memberOf(what, target, of) : { ...what, manifest }
      const [only, ...more] = own?.files ?? []
      const copying = { layout, store, place, request: { export: target, inputKey: own?.inputKey ?? inputKey } }
      const before = { plain: await store.head(layout.plain) }
      await settlePlain({ ...copying, before }, own?.manifest ?? manifest, more.length === 0 ? only : undefined)
    }
  } catch (error) {
    throw exportError(error, place)
  }
}
