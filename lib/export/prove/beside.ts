import type { DuckDB, MetaRow } from '../../engines/duckdb.ts'
import { claimedSums, type Rows } from './prove.ts'

/** The dataset's side of a proof: at work already, or done when it is asked for. */
export interface SumsBeside {
  readonly sums: () => Promise<MetaRow>
  /** Interrupts it where it is not done, and closes its connection. */
  stop(): Promise<void>
}

/** Below this a connection takes longer than the scan. */
const FEW_ROWS = 100_000

/** Begins to sum up the dataset while its order is looked at and its rows are written: the one has a single thread, the other waits for the store and for JavaScript, and both leave a core. Stop it in the end. */
export async function sumBeside(of: Rows, db: DuckDB, signal: AbortSignal): Promise<SumsBeside> {
  if (of.dataset.rows < FEW_ROWS) return { sums: () => claimedSums(of, db, signal), stop: async () => {} }
  const session = await db.connect()
  const stopped = new AbortController()
  const sums = claimedSums(of, session, AbortSignal.any([signal, stopped.signal]))
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
