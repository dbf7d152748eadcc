import type { DuckDB, MetaRow } from '../../engines/duckdb.ts'
import { type Claim, claimedSums } from './prove.ts'

/** The dataset's side of a proof: at work already, or done when it is asked for. */
export interface SumsBeside {
  readonly sums: () => Promise<MetaRow>
  /** Interrupts it where it is not done, and closes its connection. */
  stop(): Promise<void>
}

/** Below this a connection takes longer than the scan. */
const FEW_ROWS = 100_000

/** Begins to sum up the dataset while its rows are written: the writer waits for the store and for one thread of JavaScript, and leaves a core. Stop it in the end. */
export async function sumBeside(claim: Claim, db: DuckDB, signal: AbortSignal): Promise<SumsBeside> {
  if (claim.dataset.rows < FEW_ROWS) return { sums: () => claimedSums(claim, db, signal), stop: async () => {} }
  const session = await db.connect()
  const stopped = new AbortController()
  const sums = claimedSums(claim, session, AbortSignal.any([signal, stopped.signal]))
  // Also where the writer fails and nobody asks, a failure is nobody's.
  const ended = sums.then(
    () => {},
    () => {},
  )
  return {
    sums: () => sums,
    stop: async () => {
      stopped.abort()
      await ended
      session.close()
    },
  }
}
