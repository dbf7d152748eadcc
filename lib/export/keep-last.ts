import { type ExportReceipt, identity, type Work } from './delivery.ts'
import { INPUT_KEY, putJson, recordOf, runOf, unchangedSince, won } from './objects.ts'

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
