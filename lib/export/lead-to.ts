import { limitsAnything } from './contract/gate-options.ts'
import type { ExportReceipt, Work } from './delivery.ts'
import type { HeldRecord } from './gate/held.ts'
import { type Gated, hold } from './gate/hold.ts'
import type { Side } from './gate/side.ts'
import { judge } from './gate/verdict.ts'
import type { MadeDelivery } from './make-delivery.ts'
import { settlePlain } from './plain-copy.ts'
import { switchPointer } from './pointer.ts'

/**
 * Asks the contract's gate about a delivery that is made, where there is one before it. `rows`: those of what is delivered, where they are at hand.
 * @throws GateError where it is held
 */
export async function askGate(
  work: Work,
  made: MadeDelivery,
  gated: Gated | undefined,
  held: HeldRecord | undefined,
  rows: Side | undefined,
): Promise<void> {
  const { last } = work.before
  if (!gated || !last || made.key === last.manifest) return
  const gate = work.request.export.contract.gate ?? {}
  const { beyond, sample } = await judge({ ...work, gate, made: made.manifest, against: last.manifest, ...(rows && { rows }) })
  if (beyond.length > 0) await hold(gated, held, { made, beyond, samples: sample === undefined ? [] : [sample] })
}

/** What a delivery that has a gate, and one before it, is held by. */
export function gatedOf({ request, before, layout, store, ctx, place }: Work): Gated | undefined {
  const { pipeline, partition, inputKey } = request
  const { path, contract } = request.export
  if (!before.last || !limitsAnything(contract.gate)) return undefined
  return {
    ...{ pipeline, path, partition, inputKey, store, ctx, place },
    ...{ pointer: layout.pointer, pointed: before.pointed, gates: [contract.gate] },
  }
}

/** The switch, and the plain copy after it. */
export async function pointTo(work: Work, { key, sha256, manifest }: MadeDelivery) {
  const { pipeline, dataset, path, partition, inputKey, files } = manifest
  const switched = await switchPointer(work, work.layout.pointer, work.before.pointed, {
    ...{ pipeline, dataset, path, partition, inputKey, manifest: key, manifestSha256: sha256 },
    files: files.map((file) => file.key),
    notify: work.request.export.notify,
  })
  return { switched, plain: await settlePlain(work, key, files[0]) }
}

/** What a delivery that is made, and led to, comes to. */
export function receiptOf(outcome: ExportReceipt['outcome'], { key, manifest }: MadeDelivery, plain: string | undefined): ExportReceipt {
  const bytes = manifest.files.reduce((sum, file) => sum + file.bytes, 0)
  return { outcome, rows: manifest.rows, bytes, files: manifest.files.map((file) => file.key), manifest: key, plain }
}
