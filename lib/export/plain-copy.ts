import { ConfigError } from '../core/errors.ts'
import { conflict, type File, type Work } from './delivery.ts'
import { INPUT_KEY, MANIFEST, sameContent, unchangedSince, won } from './objects.ts'

/**
 * What stands at the plain copy's name before anything was delivered there, and has no metadata of ours, is somebody else's, unless it is the same already. Where something was delivered, it is a copy whose metadata the
 * store has lost.
 * @throws ConfigError
 */
export function refuseStranger({ request, layout, before }: Work, file: File | undefined): void {
  const { plain, last } = before
  if (!request.export.plain || !plain || last || plain.metadata[MANIFEST] !== undefined) return
  if (file && sameContent(plain, file)) return
  throw new ConfigError(`${layout.plain} is there, and millrace did not write it: the plain copy would take its place`, {
    file: layout.plain,
    hint: 'move it away, or give the export another path',
  })
}

/** As much of a delivery as its plain copy asks for. */
interface Copying extends Pick<Work, 'layout' | 'store' | 'place'> {
  readonly request: Pick<Work['request'], 'export' | 'inputKey'>
  readonly before: Pick<Work['before'], 'plain'>
}

/** Brings the plain copy to what the manifest says: the file, or none. */
export async function settlePlain(
  work: Copying,
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
