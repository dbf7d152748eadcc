import type { Store } from '../connectors/store.ts'
import type { RunContext } from '../core/context.ts'
import { ConfigError } from '../core/errors.ts'
import type { OpenEngine } from '../engines/engine-pool.ts'
import { delivering } from './begin.ts'
import type { DeliveryRequest, ExportReceipt, Work } from './delivery.ts'
import { refuseWaiting, release } from './gate/hold.ts'
import { requireWhole } from './go-to.ts'
import { keepLast } from './keep-last.ts'
import { askGate, gatedOf, pointTo, receiptOf } from './lead-to.ts'
import type { MadeDelivery } from './make-delivery.ts'
import type { DeliveryManifest } from './manifest.ts'
import type { Staged } from './stage.ts'

/** What `makeAside` has made, as a later process knows it. */
export interface Waiting {
  /** Key and SHA-256 of its manifest; null: there were no rows, and what was delivered last is to stay. */
  readonly made: { readonly key: string; readonly sha256: string } | null
  /** Key of the manifest that was current when it was made; null: nothing was delivered. */
  readonly against: string | null
}

/**
 * Switches to a delivery that `makeAside` has made, as it is. The contract's gate is asked as in any other delivery. `request` needs no rows. Emits a stage event at start and end.
 * @throws ConfigError where it is gone, or something else was delivered since; GateError where it is held
 */
export function deliverAside(
  request: DeliveryRequest,
  waiting: Waiting,
  store: Store,
  ctx: RunContext,
  openEngine: OpenEngine,
): Promise<ExportReceipt> {
  return delivering(
    request,
    { store, ctx, openEngine },
    async (work) => {
      const made = await stillWaiting(work, waiting)
      if (!made) return keepLast(work)
      const gated = gatedOf(work)
      const held = gated && (await refuseWaiting(gated, false))
      await askGate(work, made, gated, held, undefined)
      const { plain } = await pointTo(work, made)
      await release(store, work.layout.pointer, held)
      return receiptOf('delivered', made, plain.key)
    },
    ({ rows, bytes, files, outcome }) => ({ rows, bytes, files, outcome: outcome === 'kept' ? 'skipped' : 'done' }),
  )
}

/**
 * Takes up a part of a named delivery that `makeAside` has made, for `switchSet`. Emits a stage event at start and end.
 * @throws ConfigError where it is gone, or something else was delivered since
 */
export function stageAside(
  request: DeliveryRequest,
  waiting: Waiting,
  store: Store,
  ctx: RunContext,
  openEngine: OpenEngine,
): Promise<Staged> {
  return delivering(
    request,
    { store, ctx, openEngine },
    async (work) => {
      const made = await stillWaiting(work, waiting)
      if (!made) await keepLast(work)
      const { pipeline, dataset, export: target, partition, inputKey } = request
      return { pipeline, dataset: dataset.name, export: target, partition, inputKey, layout: work.layout, before: work.before, made }
    },
    ({ made }) => {
      const files = made?.manifest.files ?? []
      return {
        rows: made?.manifest.rows ?? 0,
        bytes: files.reduce((sum, file) => sum + file.bytes, 0),
        files: files.map(({ key }) => key),
        outcome: made ? 'staged' : 'skipped',
      }
    },
  )
}

async function stillWaiting({ before, store, request, place }: Work, { made, against }: Waiting): Promise<MadeDelivery | undefined> {
  const now = before.last?.manifest ?? null
  if (now !== against && now !== made?.key)
    throw new ConfigError('something else was delivered since it was compared', { ...place, hint: 'compare again' })
  if (!made) return undefined
  const named = { manifest: made.key, manifestSha256: made.sha256, inputKey: request.inputKey }
  const { what } = await requireWhole(store, named, false).catch((error: unknown) => {
    if (!(error instanceof ConfigError)) throw error
    const { message, cause } = error
    throw new ConfigError(message, { ...error.place, cause, hint: 'compare again: something, perhaps prune, has taken it away' })
  })
  return { ...made, manifest: what as DeliveryManifest }
}
