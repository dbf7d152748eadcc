import type { Store } from '../connectors/store.ts'
import type { RunContext } from '../core/context.ts'
import { ConfigError, type ErrorPlace, PermanentError } from '../core/errors.ts'
import { bytesOfFiles } from '../core/files-bytes.ts'
import type { OpenEngine } from '../engines/engine-pool.ts'
import { checkContract } from './contract/check-contract.ts'
import type { Export } from './contract/export.ts'
import { sweepDelivery } from './delivered.ts'
import type { Before, DeliveryRequest, Last, Work } from './delivery.ts'
import { type DeliveryLayout, deliveryLayout } from './layout.ts'
import type { Latest } from './manifest.ts'
import { exportError, outrun } from './objects.ts'
import { lookAt, type Pointed } from './pointer.ts'
import { manifestSha256, memberOf, setOf } from './set.ts'

/** What a delivery came to, and what the event of its end says. */
interface Ended {
  readonly rows: number
  readonly bytes: number
  readonly files: readonly string[]
  readonly outcome: 'done' | 'staged' | 'unchanged' | 'skipped'
}

/**
 * Runs one delivery between its two stage events: contract and place are held, what stands is looked at, and leftovers of dead deliveries are swept before `work` begins.
 * @throws ConfigError for a contract that the dataset cannot keep, or a place that belongs to another export; OutrunError when newer rows have landed; what `work` throws, placed
 */
export async function delivering<T>(
  request: DeliveryRequest,
  { store, ctx, openEngine }: { readonly store: Store; readonly ctx: RunContext; readonly openEngine: OpenEngine },
  work: (work: Work) => Promise<T>,
  ended: (result: T) => Ended,
): Promise<T> {
  const { dataset, partition, pipeline } = request
  const about = { stage: 'export', dataset: dataset.name, target: request.export.path } as const
  const place: ErrorPlace = {
    stage: 'export',
    pipeline,
    dataset: dataset.name,
    table: about.target,
    ...(partition !== undefined && { partition }),
  }
  const begun = performance.now()
  ctx.emit({ type: 'stage', phase: 'start', ...about })
  const read = { inputRows: dataset.rows, inputBytes: await bytesOfFiles(dataset.files), inputKey: request.inputKey }
  try {
    ctx.signal.throwIfAborted()
    checkContract(request.export.contract, dataset.columns)
    const layout = deliveryLayout(request.export, partition)
    const before = await lookBefore(store, request.export, partition, layout)
    refuseForeign(request, before.pointed.latest, layout)
    if (request.isCurrent && !(await request.isCurrent())) throw outrun(place)
    await sweepDelivery(store, layout)
    const result = await work({ request, layout, before, store, ctx, openEngine, place })
    const { outcome, ...what } = ended(result)
    ctx.emit({ type: 'stage', phase: 'end', ...about, ...read, ...what, ms: performance.now() - begun, outcome })
    return result
  } catch (error) {
    ctx.emit({ type: 'stage', phase: 'end', ...about, ...read, ms: performance.now() - begun, outcome: 'failed' })
    throw exportError(error, place)
  }
}

/** Versions first, then contents: what changes in between fails the precondition. */
export async function lookBefore(store: Store, target: Export, partition: string | undefined, layout: DeliveryLayout): Promise<Before> {
  const pointed = await lookAt(store, layout.pointer)
  const plain = target.plain ? await store.head(layout.plain) : undefined
  return {
    ...{ pointed, plain },
    last: await lastOf(store, target, partition, pointed),
    rolledBack: await rolledBackOf(store, target, partition, pointed),
  }
}

async function rolledBackOf(store: Store, target: Export, partition: string | undefined, { latest }: Pointed): Promise<string | undefined> {
  const from = latest?.rolledBack
  if (!from || target.delivery === undefined) return from?.inputKey
  const set = await setOf(store, from.manifest).catch((error: unknown) => {
    // Of an earlier format: nobody can say what it held.
    if (error instanceof PermanentError) return undefined
    throw error
  })
  return memberOf(set, target, partition)?.inputKey
}

async function lastOf(store: Store, target: Export, partition: string | undefined, { latest }: Pointed): Promise<Last | undefined> {
  if (!latest) return undefined
  if (target.delivery === undefined)
    return { manifest: latest.manifest, manifestSha256: latest.run.manifestSha256, inputKey: latest.inputKey }
  const set = await setOf(store, latest.manifest)
  const member = memberOf(set, target, partition)
  return set && member && { ...member, manifestSha256: manifestSha256(set, member) }
}

function refuseForeign({ pipeline, export: target }: DeliveryRequest, latest: Latest | undefined, layout: DeliveryLayout): void {
  const path = target.delivery ?? target.path
  if (!latest || (latest.pipeline === pipeline && latest.path === path && (latest.dataset === null) === (target.delivery !== undefined)))
    return
  const { folder, latest: file } = layout.pointer
  throw new ConfigError(`${folder}/ holds the deliveries of "${latest.path}" of pipeline ${latest.pipeline}; two exports cannot share it`, {
    file,
    hint: `give the export another path, or delete ${file} if the export has been renamed`,
  })
}
