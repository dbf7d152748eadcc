import type { Store } from '../connectors/store.ts'
import type { RunContext } from '../core/context.ts'
import { openDuckDB } from '../engines/duckdb.ts'
import type { OpenEngine } from '../engines/engine-pool.ts'
import { delivering } from './begin.ts'
import type { DeliveryRequest, ExportReceipt, Work } from './delivery.ts'
import { refuseWaiting, release } from './gate/hold.ts'
import { sideOfDataset } from './gate/side.ts'
import { keepLast } from './keep-last.ts'
import { askGate, gatedOf, pointTo, receiptOf } from './lead-to.ts'
import { makeDelivery, mendFiles } from './make-delivery.ts'

export type { DeliveryRequest, ExportReceipt } from './delivery.ts'

/**
 * Delivers a dataset: the rows go as CSV through a FIFO into `_tmp/<run>/`, are verified as stored, are copied to their immutable names by create-if-absent (few bytes in one file wait in memory instead), are vouched for by an
 * immutable manifest; then `latest.json` is replaced under a precondition, then the plain copy. A kill at any instant leaves the last delivery whole, and a rerun comes to the same objects. The caller
 * holds the partition's lock; between machines the preconditions decide. Emits a stage event at start and end. What is part of a named delivery is staged instead (`stage`).
 *
 * Rows under `zeroRows`: `headerOnly` delivers a file without rows; `noFile` a manifest without files, and takes the plain copy away; `fail` is a CheckError; `keepLast` leaves everything
 * and writes `kept-last.json` with the input key, by which the partition is known to be done.
 *
 * Between manifest and switch the contract's `gate` is asked: beyond it the switch is held.
 *
 * @throws ConfigError for a contract that the dataset cannot keep, or a place that belongs to another export, or to somebody else; CheckError when `orderBy` is no total order, there are no rows and `fail`, or the delivery is held; OutrunError when another
 * delivery was faster, or another run has landed newer rows; PermanentError when other content lies under an immutable name, or the store refuses
 */
export function deliver(
  request: DeliveryRequest,
  store: Store,
  ctx: RunContext,
  openEngine: OpenEngine = openDuckDB,
): Promise<ExportReceipt> {
  return delivering(request, { store, ctx, openEngine }, settle, (receipt) => {
    const { rows, bytes, manifest, plain } = receipt
    const files = [...(plain === undefined ? receipt.files : [plain, ...receipt.files]), ...(manifest === undefined ? [] : [manifest])]
    return { rows, bytes, files, outcome: receipt.outcome === 'unchanged' ? 'unchanged' : receipt.outcome === 'kept' ? 'skipped' : 'done' }
  })
}

async function settle(work: Work): Promise<ExportReceipt> {
  const { request, before, store, layout } = work
  const isSettled = before.last?.inputKey === request.inputKey || before.rolledBack === request.inputKey
  if (!request.force && isSettled && before.last) {
    const there = await mendFiles(work, before.last)
    if (there) {
      const { switched, plain } = await pointTo(work, there)
      return receiptOf(there.mended || switched || plain.changed ? 'mended' : 'unchanged', there, plain.key)
    }
  }
  const gated = gatedOf(work)
  const held = gated && (await refuseWaiting(gated, request.force ?? false))
  const made = await makeDelivery(work)
  if (made === 'keptLast') return keepLast(work)
  await askGate(work, made, gated, held, sideOfDataset(request.dataset, request.export.contract))
  const { plain } = await pointTo(work, made)
  await release(store, layout.pointer, held)
  return receiptOf('delivered', made, plain.key)
}
