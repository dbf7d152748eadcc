import type { Store } from '../../lib/connectors/store.ts'
import { type DeliveryRequest, deliver, type ExportReceipt } from '../../lib/export/deliver.ts'
import { testContext } from '../kit/context.ts'
import { keysOf } from './kit.ts'

export const run = (request: DeliveryRequest, store: Store, id = 'run-1') => deliver(request, store, testContext({ run: id }))
const noEngine = () => {
  throw new Error('no rows should be written')
}
/** Delivers without an engine: from what is there alone. */
export const runWithoutRows = (request: DeliveryRequest, store: Store) => deliver(request, store, testContext({ run: 'run-2' }), noEngine)
export const versionsOf = async (store: Store) =>
  Promise.all((await keysOf(store)).map(async (key) => [key, (await store.head(key))?.version]))
export const outcomeOf = (receipt: Promise<ExportReceipt>) => receipt.then((done) => done.outcome)
/** The first object of a delivery. */
export const first = (receipt: ExportReceipt) => receipt.files[0] ?? ''
