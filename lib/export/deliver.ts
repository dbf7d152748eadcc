import { createHash } from 'node:crypto'
import type { Store } from '../connectors/store.ts'
import type { RunContext } from '../core/context.ts'
import { CheckError, ConfigError, type ErrorPlace, PermanentError } from '../core/errors.ts'
import { openDuckDB } from '../engines/duckdb.ts'
import type { OpenEngine } from '../engines/engine-pool.ts'
import { checkContract } from './check-contract.ts'
import { refuseBreaking } from './contract-changes.ts'
import { createCopy, deliverFile } from './deliver-file.ts'
import { sweepDelivery } from './delivered.ts'
import { type Before, conflict, type DeliveryRequest, type ExportReceipt, type Work } from './delivery.ts'
import { type DeliveryLayout, deliveryLayout } from './layout.ts'
import type { DeliveryManifest, Latest } from './manifest.ts'
import { exportError, outrun, readJson, sameContent } from './objects.ts'
import { createManifest, describeDelivery, keepLast, refuseStranger, replaceLatest, settlePlain } from './pointers.ts'
import { writtenContract } from './written-contract.ts'

export type { DeliveryRequest, ExportReceipt } from './delivery.ts'

/**
 * Delivers a dataset: the rows go as CSV through a FIFO into `_tmp/<run>/`, are verified as stored, are copied to their immutable name by create-if-absent, are vouched for by an
 * immutable manifest; then `latest.json` is replaced under a precondition, then the plain copy. A kill at any instant leaves the last delivery whole, and a rerun comes to the same objects. The caller
 * holds the partition's lock; between machines the preconditions decide. Emits a stage event at start and end.
 *
 * Rows under `zeroRows`: `headerOnly` delivers a file without rows; `noFile` a manifest without files, and takes the plain copy away; `fail` is a CheckError; `keepLast` leaves everything
 * and writes `kept-last.json` with the input key, by which the partition is known to be done.
 *
 * @throws ConfigError for a contract that the dataset cannot keep, or a place that belongs to another export, or to somebody else; CheckError when `orderBy` is no total order, or there are no rows and `fail`; OutrunError when another
 * delivery was faster, or another run has landed newer rows; PermanentError when other content lies under an immutable name, or the store refuses
 */
export async function deliver(
  request: DeliveryRequest,
  store: Store,
  ctx: RunContext,
  openEngine: OpenEngine = openDuckDB,
): Promise<ExportReceipt> {
  const { dataset, partition, pipeline } = request
  const about = { stage: 'export', dataset: dataset.name, target: request.export.path } as const
  const place: ErrorPlace = { stage: 'export', pipeline, dataset: dataset.name, ...(partition !== undefined && { partition }) }
  const begun = performance.now()
  ctx.emit({ type: 'stage', phase: 'start', ...about })
  try {
    ctx.signal.throwIfAborted()
    checkContract(request.export.contract, dataset.columns)
    const layout = deliveryLayout(request.export, partition)
    const before = await lookBefore(store, layout)
    refuseForeign(request, before.latest, layout)
    if (request.isCurrent && !(await request.isCurrent())) throw outrun(place)
    await sweepDelivery(store, layout)
    const receipt = await settle({ request, layout, before, store, ctx, openEngine, place })
    const outcome = receipt.outcome === 'unchanged' ? 'unchanged' : receipt.outcome === 'kept' ? 'skipped' : 'done'
    const { rows, bytes, manifest, plain } = receipt
    const files = [...(plain === undefined ? receipt.files : [plain, ...receipt.files]), ...(manifest === undefined ? [] : [manifest])]
    ctx.emit({ type: 'stage', phase: 'end', ...about, rows, bytes, files, ms: performance.now() - begun, outcome })
    return receipt
  } catch (error) {
    ctx.emit({ type: 'stage', phase: 'end', ...about, ms: performance.now() - begun, outcome: 'failed' })
    throw exportError(error, place)
  }
}

/** Versions first, then contents: what changes in between fails the precondition. */
async function lookBefore(store: Store, layout: DeliveryLayout): Promise<Before> {
  const latestInfo = await store.head(layout.latest)
  const plain = await store.head(layout.plain)
  const latest = latestInfo && (await readJson(store, layout.latest, 'Latest'))?.value
  return { latestInfo, latest, plain }
}

function refuseForeign(request: DeliveryRequest, latest: Latest | undefined, layout: DeliveryLayout): void {
  if (!latest || (latest.pipeline === request.pipeline && latest.path === request.export.path)) return
  throw new ConfigError(
    `${layout.folder}/ holds the deliveries of "${latest.path}" of pipeline ${latest.pipeline}; two exports cannot share it`,
    {
      file: layout.latest,
      hint: `give the export another path, or delete ${layout.latest} if the export has been renamed`,
    },
  )
}

async function settle(work: Work): Promise<ExportReceipt> {
  const { request, layout, before } = work
  const { dataset, inputKey } = request
  const { contract } = request.export
  if (!request.force && before.latest?.inputKey === inputKey) {
    const receipt = await settleDelivered(work, before.latest)
    if (receipt) return receipt
  }
  await refuseBroken(work)
  if (dataset.rows === 0 && contract.zeroRows === 'keepLast') return keepLast(work)
  if (dataset.rows === 0 && contract.zeroRows === 'fail')
    throw new CheckError('there are no rows to deliver, and the contract says zeroRows: fail')
  const file = dataset.rows === 0 && contract.zeroRows === 'noFile' ? undefined : await deliverFile(work)
  refuseStranger(work, file)
  const manifest = await describeDelivery(work, file)
  const key = layout.manifest(inputKey, file?.sha256 ?? NOTHING)
  const manifestSha256 = await createManifest(work, key, manifest)
  await replaceLatest(work, key, manifestSha256, file)
  const plain = await settlePlain(work, key, file)
  return receiptOf('delivered', manifest, key, plain.key)
}

/** Readers of the last delivery were promised its columns. */
async function refuseBroken({ before, request, store }: Work): Promise<void> {
  if (!before.latest) return
  const last = await readJson(store, before.latest.manifest, 'DeliveryManifest').catch((error: unknown) => {
    // Of an earlier format, or damaged: it promises nothing that could be compared.
    if (error instanceof PermanentError) return undefined
    throw error
  })
  if (last) refuseBreaking(last.value.contract, writtenContract(request.export.contract))
}

const NOTHING = createHash('sha256').digest('hex')

/** The same input is delivered: makes what is missing from what is there; undefined when the rows are needed for that. */
async function settleDelivered(work: Work, latest: Latest): Promise<ExportReceipt | undefined> {
  const { store, before, layout } = work
  const manifest = await readJson(store, latest.manifest, 'DeliveryManifest')
  if (!manifest) return undefined
  if (manifest.sha256 !== latest.run.manifestSha256)
    throw new PermanentError(
      `the manifest is not the one that was delivered: its SHA-256 is ${manifest.sha256}, not ${latest.run.manifestSha256}`,
      { file: latest.manifest, hint: 'a hand changed it, or another version of millrace wrote it: move it away, and run again' },
    )
  let mended = false
  for (const file of manifest.value.files) {
    const info = await store.head(file.key)
    if (info && !sameContent(info, file)) throw conflict(file.key, info, file)
    if (info) continue
    if (!sameContent(before.plain, file)) return undefined
    await createCopy(work, layout.plain, file)
    mended = true
  }
  const [file] = manifest.value.files
  if (await replaceLatest(work, latest.manifest, manifest.sha256, file)) mended = true
  const plain = await settlePlain(work, latest.manifest, file)
  return receiptOf(mended || plain.changed ? 'mended' : 'unchanged', manifest.value, latest.manifest, plain.key)
}

function receiptOf(outcome: ExportReceipt['outcome'], manifest: DeliveryManifest, key: string, plain: string | undefined): ExportReceipt {
  const bytes = manifest.files.reduce((sum, file) => sum + file.bytes, 0)
  return { outcome, rows: manifest.rows, bytes, files: manifest.files.map((file) => file.key), manifest: key, plain }
}
