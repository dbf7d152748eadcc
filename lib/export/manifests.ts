import type { z } from 'zod'
import type { Store } from '../connectors/store.ts'
import { PermanentError, PreconditionFailed, TransientError } from '../core/errors.ts'
import { canonicalJson, hashOf } from '../core/hash.ts'
import { writtenContract } from './contract/written-contract.ts'
import { type File, identity, type Work } from './delivery.ts'
import type { DeliveryManifest } from './manifest.ts'
import { putJson, readJson, recordOf, runOf, sameButRun } from './objects.ts'

/** The manifest of what is being delivered. */
export async function describeDelivery({ request, ctx }: Work, files: readonly File[]): Promise<DeliveryManifest> {
  const { columns } = request.export.contract
  return recordOf('DeliveryManifest', {
    ...identity(request),
    format: 2,
    files: [...files],
    rows: request.dataset.rows,
    contract: writtenContract(request.export.contract),
    schemaHash: hashOf(Object.entries(columns)),
    ...(request.codeVersion !== undefined && { codeVersion: request.codeVersion }),
    run: runOf(ctx),
  })
}

/** Gives the SHA-256 of the manifest that stands there: one of a killed run that says the same is adopted. */
export async function createManifest<K extends 'DeliveryManifest' | 'SetManifest'>(
  store: Store,
  key: string,
  kind: K,
  manifest: z.infer<typeof import('./manifest.ts')[K]>,
): Promise<string> {
  try {
    return await putJson(store, key, manifest, { ifAbsent: true })
  } catch (error) {
    if (!(error instanceof PreconditionFailed)) throw error
    const found = await readJson(store, key, kind)
    if (!found)
      throw new TransientError(`${key} was there, and is gone again`, {
        file: key,
        hint: 'somebody removes objects: run again',
        cause: error,
      })
    if (sameButRun(found.value, manifest)) return found.sha256
    throw new PermanentError(`${key} is immutable, and says something else: ${differences(found.value, manifest)}`, {
      file: key,
      cause: error,
      hint: 'another version of millrace wrote it, or a hand: move it away, and run again',
    })
  }
}

/** The fields in which a manifest is not the one that would be written, with their values where they are short: `inputKey is "a", not "b"`. */
function differences(found: object, wanted: object): string {
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
