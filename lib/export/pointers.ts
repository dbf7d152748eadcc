import { ConfigError, PermanentError, PreconditionFailed } from '../core/errors.ts'
import { canonicalJson, hashOf } from '../core/hash.ts'
import { conflict, type ExportReceipt, type File, identity, runOf, type Work } from './delivery.ts'
import type { DeliveryManifest } from './manifest.ts'
import { INPUT_KEY, MANIFEST, OBJECT, putJson, readJson, recordOf, sameButRun, sameContent, unchangedSince, won } from './objects.ts'
import { writtenContract } from './written-contract.ts'

/** The manifest of what is being delivered. */
export async function describeDelivery({ request, ctx }: Work, file: File | undefined): Promise<DeliveryManifest> {
  const { columns } = request.export.contract
  return recordOf('DeliveryManifest', {
    ...identity(request),
    format: 2,
    files: file ? [file] : [],
    rows: request.dataset.rows,
    contract: writtenContract(request.export.contract),
    schemaHash: hashOf(Object.entries(columns)),
    ...(request.codeVersion !== undefined && { codeVersion: request.codeVersion }),
    run: runOf(ctx),
  })
}

/** Gives the SHA-256 of the manifest that stands there: one of a killed run that says the same is adopted. */
export async function createManifest({ store }: Work, key: string, manifest: DeliveryManifest): Promise<string> {
  try {
    return await putJson(store, key, manifest, { ifAbsent: true })
  } catch (error) {
    if (!(error instanceof PreconditionFailed)) throw error
    const found = await readJson(store, key, 'DeliveryManifest')
    if (found && sameButRun(found.value, manifest)) return found.sha256
    throw new PermanentError(`${key} is immutable, and says something else: ${differences(found?.value, manifest)}`, {
      file: key,
      cause: error,
      hint: 'another version of millrace wrote it, or a hand: move it away, and run again',
    })
  }
}

/** The fields in which a manifest is not the one that would be written, with their values where they are short: `inputKey is "a", not "b"`. */
function differences(found: DeliveryManifest | undefined, wanted: DeliveryManifest): string {
  const is: Readonly<Record<string, unknown>> = { ...found, run: undefined }
  const should: Readonly<Record<string, unknown>> = { ...wanted, run: undefined }
  const short = (value: unknown) => typeof value !== 'object' || value === null
  const shown = (value: unknown) => JSON.stringify(value) ?? 'absent'
  return Object.keys({ ...is, ...should })
    .filter((field) => canonicalJson([is[field]]) !== canonicalJson([should[field]]))
    .map((field) =>
      short(is[field]) && short(should[field]) ? `${field} is ${shown(is[field])}, not ${shown(should[field])}` : `${field} differs`,
    )
    .join('; ')
}

/**
 * The delivery's switch: from here on the manifest is the current one. A pointer that says so already is left alone, but where the store has lost its metadata (copied as plain files) it is written again as it is: nobody
 * could tell by heads that it is delivered. Gives whether it was written.
 */
export async function replaceLatest(work: Work, manifest: string, manifestSha256: string, file: File | undefined): Promise<boolean> {
  const { request, layout, before, store, ctx, place } = work
  const { latest, latestInfo } = before
  const metadata: Readonly<Record<string, string>> = {
    [INPUT_KEY]: request.inputKey,
    [MANIFEST]: manifest,
    ...(file && { [OBJECT]: file.key }),
  }
  const equal = latest?.inputKey === request.inputKey && latest.manifest === manifest && latest.run.manifestSha256 === manifestSha256
  if (equal && Object.entries(metadata).every(([name, value]) => latestInfo?.metadata[name] === value)) return false
  const next = equal ? latest : await recordOf('Latest', { ...identity(request), manifest, run: { ...runOf(ctx), manifestSha256 } })
  ctx.signal.throwIfAborted()
  await won(place, () => putJson(store, layout.latest, next, { ...unchangedSince(latestInfo), metadata }))
  return true
}

/**
 * What stands at the plain copy's name before anything was delivered there, and has no metadata of ours, is somebody else's, unless it is the same already. Where something was delivered, it is a copy whose metadata the
 * store has lost.
 * @throws ConfigError
 */
export function refuseStranger({ request, layout, before }: Work, file: File | undefined): void {
  const { plain, latest } = before
  if (!request.export.plain || !plain || latest || plain.metadata[MANIFEST] !== undefined) return
  if (file && sameContent(plain, file)) return
  throw new ConfigError(`${layout.plain} is there, and millrace did not write it: the plain copy would take its place`, {
    file: layout.plain,
    hint: 'move it away, or give the export another path',
  })
}

/** Brings the plain copy to what the manifest says: the file, or none. */
export async function settlePlain(
  work: Work,
  manifest: string,
  file: File | undefined,
): Promise<{ readonly key: string | undefined; readonly changed: boolean }> {
  const { request, layout, before, store, place } = work
  const { plain } = before
  if (!request.export.plain) return { key: undefined, changed: false }
  if (!file) {
    if (plain) await won(place, () => store.delete(layout.plain, { ifVersion: plain.version }))
    return { key: undefined, changed: plain !== undefined }
  }
  if (plain?.metadata[MANIFEST] === manifest && sameContent(plain, file)) return { key: layout.plain, changed: false }
  const info = await won(place, () =>
    store.copy(file.key, layout.plain, {
      ...unchangedSince(plain),
      metadata: { [INPUT_KEY]: request.inputKey, [MANIFEST]: manifest, sha256: file.sha256 },
    }),
  )
  if (!sameContent(info, file)) throw conflict(layout.plain, info, file)
  return { key: layout.plain, changed: true }
}

/** Records that this input had no rows and left the last delivery in place. */
export async function keepLast({ request, layout, store, ctx, place }: Work): Promise<ExportReceipt> {
  const info = await store.head(layout.keptLast)
  if (info?.metadata[INPUT_KEY] !== request.inputKey) {
    const marker = await recordOf('KeptLast', { ...identity(request), run: runOf(ctx) })
    await won(place, () =>
      putJson(store, layout.keptLast, marker, { ...unchangedSince(info), metadata: { [INPUT_KEY]: request.inputKey } }),
    )
  }
  return { outcome: 'kept', rows: 0, bytes: 0, files: [], manifest: undefined, plain: undefined }
}
