import duckdb from '@duckdb/node-bindings'
import type { Store } from '../connectors/store.ts'
import type { Fingerprint } from '../core/checksums.ts'
import type { RunContext } from '../core/context.ts'
import { CheckError, OutrunError, PreconditionFailed } from '../core/errors.ts'
import { millraceVersion } from '../core/version.ts'
import type { Confirmation, LandedFile, LoadManifest } from '../state/manifest.ts'
import { textOfRecord } from '../state/manifest-text.ts'
import type { ContentName } from './content-hash.ts'
import { fingerprintOf } from './fingerprint.ts'
import { landingPlace } from './keys.ts'
import { nextConfirmation } from './loads.ts'
import { keepLanded } from './local-files.ts'
import type { Asked } from './request.ts'
import { isSameWindow, textOfWindow } from './windows.ts'

/** A finished file of a new load, in the workspace: Parquet, or undecoded rows. */
export interface StagedFile {
  readonly file: string
  readonly rows: number
  readonly kind: '' | 'gone'
  /** Where it is known already. */
  readonly fingerprint?: Fingerprint
}

/** A manifest but for what the commit itself makes. */
export type Draft = Omit<LoadManifest, 'pipeline' | 'files' | 'tombstones' | 'rows' | 'run'>

/**
 * Commits a load: its files under names that no other load has, then the manifest, by create-if-absent. Before the manifest nothing is landed; what is left of a commit that was cut off no manifest
 * names. The staged files are moved.
 * @throws OutrunError when another run has committed a load of this id meanwhile, CheckError for a file's name that other bytes have
 */
export async function commitLoad(draft: Draft, staged: readonly StagedFile[], store: Store, ctx: RunContext): Promise<LoadManifest> {
  const place = landingPlace(ctx.pipeline, draft.dataset, draft.partition)
  const landed = { '': [] as LandedFile[], gone: [] as LandedFile[] }
  for (const each of staged) landed[each.kind].push(await putStaged(place, draft, each, store, ctx))
  ctx.signal.throwIfAborted()
  const manifest: LoadManifest = {
    ...{ pipeline: ctx.pipeline, ...draft, files: landed[''] },
    ...(landed.gone.length > 0 && { tombstones: landed.gone }),
    ...{ rows: landed[''].reduce((sum, file) => sum + file.rows, 0), run: provenance(ctx) },
  }
  await createRecord(place.manifest(draft.id), textOfRecord(manifest), store)
  return manifest
}

/** Commits that a load was found the same again. Gives the load as it now stands. */
export async function commitConfirmation(
  load: LoadManifest,
  found: Pick<Confirmation, 'open' | 'readKey' | 'window' | 'sourceVersion'>,
  store: Store,
  ctx: RunContext,
): Promise<LoadManifest> {
  const place = landingPlace(load.pipeline, load.dataset, load.partition)
  const confirmation: Confirmation = { id: load.id, contentHash: load.contentHash, ...found, run: provenance(ctx) }
  await createRecord(place.confirmation(load.id, await nextConfirmation(store, load)), textOfRecord(confirmation), store)
  const { sourceVersion: _, window: __, ...rest } = load
  return { ...rest, ...found }
}

const PARQUET = { extension: 'parquet', contentType: 'application/vnd.apache.parquet' }

async function putStaged(
  place: ReturnType<typeof landingPlace>,
  { id, undecoded }: Pick<Draft, 'id' | 'undecoded'>,
  { file, rows, kind, fingerprint = undefined }: StagedFile,
  store: Store,
  ctx: RunContext,
): Promise<LandedFile> {
  const found = fingerprint ?? (await fingerprintOf(file, ctx.signal))
  const { extension, contentType } = undecoded ? { extension: `${undecoded.format}.zst`, contentType: 'application/zstd' } : PARQUET
  return putFile(place.file(id, found.sha256, kind, extension), { file, rows, fingerprint: found, contentType }, store, ctx)
}

/**
 * Puts a finished file into the landing under a name that says its bytes, so that no other bytes can be there.
 * @throws CheckError when they are
 */
export async function putFile(
  key: string,
  staged: Pick<StagedFile, 'file' | 'rows'> & { readonly fingerprint: Fingerprint; readonly contentType?: string },
  store: Store,
  ctx: RunContext,
): Promise<LandedFile> {
  const { file, rows, fingerprint, contentType = PARQUET.contentType } = staged
  const { bytes, sha256, crc32c } = fingerprint
  try {
    await store.put(key, { file }, { ifAbsent: true, crc32c, contentType, signal: ctx.signal })
  } catch (error) {
    if (!(error instanceof PreconditionFailed)) throw error
    // The same bytes are what an attempt that was cut off has left where it could not be swept, or what another run is landing at this moment.
    const there = await store.head(key)
    if (there?.bytes !== bytes || there.crc32c !== crc32c) throw taken(key, error)
  }
  const landed = { key, rows, bytes, sha256 }
  await keepLanded(store, landed, file)
  return landed
}

function taken(key: string, cause: PreconditionFailed): CheckError {
  return new CheckError(`the landing has another file under the name ${key}, which no load names`, {
    file: key,
    hint: 'its bytes were changed after they were written: remove it, and run again',
    cause,
  })
}

async function createRecord(key: string, text: string, store: Store): Promise<void> {
  try {
    await store.put(key, { bytes: text }, { ifAbsent: true, contentType: 'application/json' })
  } catch (error) {
    if (!(error instanceof PreconditionFailed)) throw error
    throw new OutrunError(`another run has landed ${key} meanwhile`, {
      file: key,
      hint: 'run again: what it landed will be used',
      cause: error,
    })
  }
}

/** Who wrote a record, and when. */
export function provenance(ctx: RunContext): LoadManifest['run'] {
  return { id: ctx.run, at: ctx.clock.now().toISOString(), millrace: millraceVersion, duckdb: duckdb.library_version() }
}

/** The current load, confirmed where what is known of it has changed. */
export async function confirmed(
  current: LoadManifest,
  { open, readKey, sourceVersion, window }: Asked,
  store: Store,
  ctx: RunContext,
): Promise<LoadManifest> {
  const same = isSameWindow(current.window, window)
  const found = {
    // A window that had ended stays complete, whatever a clock says later.
    open: open && (current.open || !same),
    readKey,
    ...(window && { window: textOfWindow(window) }),
    ...(sourceVersion !== undefined && { sourceVersion }),
  }
  if (same && found.open === current.open && readKey === current.readKey && sourceVersion === current.sourceVersion) return current
  return commitConfirmation(current, found, store, ctx)
}

/** What a request says of the load that it becomes. */
export function draftOf(request: Asked, id: number, { hash, hashName }: ContentName): Draft {
  const { dataset, partition, columns, readKey, window, open, sourceVersion } = request
  return {
    ...{ dataset, partition, id, columns, readKey, contentHash: hash, hashName, open },
    ...(window && { window: textOfWindow(window) }),
    ...(sourceVersion !== undefined && { sourceVersion }),
  }
}

/** Bytes of a load's files. */
export function bytesOf({ files, tombstones = [] }: LoadManifest): number {
  return [...files, ...tombstones].reduce((sum, { bytes }) => sum + bytes, 0)
}
