import type { Store } from '../connectors/store.ts'
import type { RunContext } from '../core/context.ts'
import { PermanentError } from '../core/errors.ts'
import { openDuckDB } from '../engines/duckdb.ts'
import type { OpenEngine } from '../engines/engine-pool.ts'
import { delivering, lookBefore } from './begin.ts'
import type { Export } from './contract/export.ts'
import { sweepDelivery } from './delivered.ts'
import type { Before, DeliveryRequest, Work } from './delivery.ts'
import { keepLast } from './keep-last.ts'
import { type DeliveryLayout, deliveryLayout } from './layout.ts'
import { type MadeDelivery, makeDelivery, mendFiles } from './make-delivery.ts'
import { headsOf, readJson, sameContent } from './objects.ts'

/** One export's partition of a named delivery: its files and manifest are there, and the delivery does not hold them yet. */
export interface Staged {
  readonly pipeline: string
  readonly dataset: string
  readonly export: Export
  readonly partition: string | undefined
  readonly inputKey: string
  readonly layout: DeliveryLayout
  /** What stood when it was staged. */
  readonly before: Before
  /** undefined: there were no rows, and what the delivery holds of it stays. */
  readonly made: MadeDelivery | undefined
}

/**
 * Makes the files and the manifest of a dataset that is part of a named delivery, as `deliver` does, and leaves the switch to `switchSet`: until then no reader is led to them. What a killed run has staged of the same
 * input is taken as it is. Emits a stage event at start and end.
 * @throws as `deliver` does
 */
export function stage(request: DeliveryRequest, store: Store, ctx: RunContext, openEngine: OpenEngine = openDuckDB): Promise<Staged> {
  return delivering(request, { store, ctx, openEngine }, settle, ({ made }) => {
    const files = made?.manifest.files ?? []
    return {
      rows: made?.manifest.rows ?? 0,
      bytes: files.reduce((sum, file) => sum + file.bytes, 0),
      files: [...files.map(({ key }) => key), ...(made ? [made.key] : [])],
      outcome: made ? 'staged' : 'skipped',
    }
  })
}

async function settle(work: Work): Promise<Staged> {
  const { request, before } = work
  const isSettled = before.last?.inputKey === request.inputKey || before.rolledBack === request.inputKey
  const there = !request.force && isSettled && before.last ? await mendFiles(work, before.last) : undefined
  const made = there ?? (await makeDelivery(work))
  if (made === 'keptLast') await keepLast(work)
  return stagedOf(request, work.layout, before, made === 'keptLast' ? undefined : made)
}

function stagedOf(
  {
    pipeline,
    dataset,
    export: target,
    partition,
    inputKey,
  }: Omit<DeliveryRequest, 'dataset'> & { readonly dataset: { readonly name: string } },
  layout: DeliveryLayout,
  before: Before,
  made: MadeDelivery | undefined,
): Staged {
  return { pipeline, dataset: dataset.name, export: target, partition, inputKey, layout, before, made }
}

/** What an earlier run has staged of this input and not switched to, whole; undefined where there is none. Needs no rows. */
export async function stagedBefore(
  request: Omit<DeliveryRequest, 'dataset'> & { readonly dataset: { readonly name: string } },
  store: Store,
): Promise<Staged | undefined> {
  const { export: target, partition, inputKey } = request
  const layout = deliveryLayout(target, partition)
  const before = await lookBefore(store, target, partition, layout)
  // A person went back from it: what the delivery holds stays, and `stage` takes it up.
  if (before.rolledBack === inputKey) return undefined
  for await (const key of store.list(`${layout.folder}/manifest-${inputKey.slice(0, 12)}-`)) {
    if (!layout.isDelivery(key)) continue
    const manifest = await readJson(store, key, 'DeliveryManifest').catch((error: unknown) => {
      // Of an earlier format: it is made again, under another name.
      if (error instanceof PermanentError) return undefined
      throw error
    })
    if (manifest?.value.inputKey !== inputKey) continue
    const { files } = manifest.value
    const heads = await headsOf(store, files)
    if (!files.every((file, i) => sameContent(heads[i], file))) continue
    await sweepDelivery(store, layout)
    return stagedOf(request, layout, before, {
      key,
      sha256: manifest.sha256,
      manifest: manifest.value,
    })
  }
  return undefined
}
