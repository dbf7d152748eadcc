import type { ObjectInfo, Store } from '../connectors/store.ts'
import type { RunContext } from '../core/context.ts'
import { type ErrorPlace, PreconditionFailed } from '../core/errors.ts'
import type { Latest } from './manifest.ts'
import { announce } from './notice/outbox.ts'
import { FILES, INPUT_KEY, MANIFEST, OBJECT, putJson, ROLLED_BACK, readJson, recordOf, runOf, unchangedSince, won } from './objects.ts'
import type { PointerLayout } from './pointer-layout.ts'

/** A pointer as it was looked at: its version is the precondition of what takes its place. */
export interface Pointed {
  readonly info: ObjectInfo | undefined
  readonly latest: Latest | undefined
}

/** What a pointer is to say. */
export interface Next
  extends Pick<Latest, 'pipeline' | 'dataset' | 'path' | 'partition' | 'inputKey' | 'manifest' | 'rolledBack' | 'accepted'> {
  readonly manifestSha256: string
  /** Keys of the delivery's files where it is one export's. */
  readonly files?: readonly string[]
  /** Who is told of the switch. */
  readonly notify: readonly string[]
}

/** Version first, then content: what changes in between fails the precondition. */
export async function lookAt(store: Store, pointer: PointerLayout): Promise<Pointed> {
  const info = await store.head(pointer.latest)
  return { info, latest: info && (await readJson(store, pointer.latest, 'Latest'))?.value }
}

/**
 * The switch: from here on the manifest is the current one. What the pointer has said until now is kept beside it first, so that its history has no gap, and whoever is to be told of the switch is announced. One that says the same already is left alone, but where the store
 * has lost its metadata (copied as plain files) it is written again as it is: nobody could tell by heads that it is delivered. Gives whether it was written.
 * @throws OutrunError where another one was first
 */
export async function switchPointer(
  { store, ctx, place }: { readonly store: Store; readonly ctx: Pick<RunContext, 'run' | 'clock' | 'signal'>; readonly place: ErrorPlace },
  pointer: PointerLayout,
  { info, latest }: Pointed,
  { manifestSha256, files, notify, ...next }: Next,
): Promise<boolean> {
  const same = latest?.inputKey === next.inputKey && latest.manifest === next.manifest && !next.accepted && !next.rolledBack
  const metadata = metadataOf(same ? { ...next, rolledBack: latest.rolledBack } : next, files)
  const equal = same && latest.run.manifestSha256 === manifestSha256
  if (equal && Object.entries(metadata).every(([name, value]) => info?.metadata[name] === value)) return false
  ctx.signal.throwIfAborted()
  if (latest && !same) await keep(store, pointer, latest)
  const before = latest?.switch ?? (await lostSwitch(store, pointer))
  if (!same) await announce({ store, ctx, place }, pointer, next, before, notify)
  const record = equal
    ? latest
    : await recordOf('Latest', {
        ...{ format: 1, ...next },
        ...(same && latest.rolledBack && { rolledBack: latest.rolledBack }),
        // The same delivery under a manifest that was lost and written again is no other one.
        switch: same ? latest.switch : before + 1,
        run: { ...runOf(ctx), manifestSha256 },
      })
  await won(place, () => putJson(store, pointer.latest, record, { ...unchangedSince(info), metadata }))
  return true
}

/**
 * Writes a pointer again as it is: whoever has looked at it before cannot switch it any more, since its version is another one. Readers see what they saw. Where there is none, there is nothing to fence.
 * @throws OutrunError where somebody has switched it since it was looked at
 */
export async function fencePointer(store: Store, place: ErrorPlace, pointer: PointerLayout, { info, latest }: Pointed): Promise<void> {
  if (!info || !latest) return
  await won(place, () => putJson(store, pointer.latest, latest, { ifVersion: info.version, metadata: info.metadata }))
}

/** Heads are enough to ask what is delivered. */
function metadataOf({ inputKey, manifest, rolledBack }: Omit<Next, 'manifestSha256' | 'notify'>, files: readonly string[] | undefined) {
  const [only, ...more] = files ?? []
  return {
    [INPUT_KEY]: inputKey,
    [MANIFEST]: manifest,
    ...(only !== undefined && more.length === 0 && { [OBJECT]: only }),
    ...(more.length > 0 && { [FILES]: String(more.length + 1) }),
    ...(rolledBack && { [ROLLED_BACK]: rolledBack.inputKey }),
  }
}

/** The number of the last switch where `latest.json` is not there: 0 before the first one; where it was lost, or moved away, the one after those that were kept, whose records are not taken for other ones. */
async function lostSwitch(store: Store, pointer: PointerLayout): Promise<number> {
  let kept = 0
  for await (const key of store.list(`${pointer.folder}/switch-`)) kept = Math.max(kept, pointer.switchOf(key) ?? 0)
  return kept === 0 ? 0 : kept + 1
}

/** Whoever switches keeps what was before, so a record that is there already is this one. */
async function keep(store: Store, pointer: PointerLayout, latest: Latest): Promise<void> {
  try {
    await store.copy(pointer.latest, pointer.switched(latest.switch), { ifAbsent: true, metadata: {} })
  } catch (error) {
    if (!(error instanceof PreconditionFailed)) throw error
  }
}
