import type { Store } from '../connectors/store.ts'
import type { RunContext } from '../core/context.ts'
import type { OpenEngine } from '../engines/engine-pool.ts'
import { delivering } from './begin.ts'
import type { DeliveryRequest, Last } from './delivery.ts'
import { type MadeDelivery, makeDelivery } from './make-delivery.ts'

/** A delivery that is made whole, and to which nothing leads. */
export interface MadeAside {
  /** undefined: there were no rows, and the contract keeps what was delivered last. */
  readonly made: MadeDelivery | undefined
  /** What is delivered; undefined: nothing yet. */
  readonly last: Last | undefined
}

/**
 * Makes the files and the manifest of a dataset as `deliver` does, checks and proofs with them, and leaves what is delivered as it is: `letThrough` switches to it, `prune` takes it away. Emits a stage event at start and end.
 * @throws as `deliver` does, but for a gate, which is not asked
 */
export function makeAside(request: DeliveryRequest, store: Store, ctx: RunContext, openEngine: OpenEngine): Promise<MadeAside> {
  return delivering(
    request,
    { store, ctx, openEngine },
    async (work): Promise<MadeAside> => {
      const made = await makeDelivery(work)
      return { made: made === 'keptLast' ? undefined : made, last: work.before.last }
    },
    ({ made }) => {
      const files = made?.manifest.files ?? []
      return {
        rows: made?.manifest.rows ?? 0,
        bytes: files.reduce((sum, file) => sum + file.bytes, 0),
        files: [...files.map(({ key }) => key), ...(made ? [made.key] : [])],
        outcome: made ? 'staged' : 'skipped',
      }
    },
  )
}
