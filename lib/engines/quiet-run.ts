import { setImmediate, setTimeout } from 'node:timers/promises'
import duckdb, { type PendingResult, type Result } from '@duckdb/node-bindings'
import type { DuckDBConnection } from './duckdb-connection.ts'

/** A short statement is looked at without a pause, a long one at leisure. */
const [EAGER_MS, SHORT_MS, SHORT_LOOK_MS, LOOK_MS] = [1, 50, 1, 4]

/** Runs a text of one or more statements, the last of them as `quietly` does. @throws DuckDB's own error */
export async function runQuietly(connection: DuckDBConnection, sql: string): Promise<Result> {
  return quietly(await connection.start(sql))
}

/**
 * Waits for a statement that the engine's own threads work on: they must be all (`external_threads` 0). The vendor's `run` lends the engine a thread that asks for work without a pause while others have it: a core
 * that a database beside us then lacks. Started statements can only be looked at.
 * @throws DuckDB's own error
 */
export async function quietly(pending: PendingResult): Promise<Result> {
  const begun = performance.now()
  for (;;) {
    const state = duckdb.pending_execute_check_state(pending)
    // A statement that is done as it starts (BEGIN, SET) counts as an error without a word.
    const fault = state === duckdb.PendingState.ERROR ? duckdb.pending_error(pending) : ''
    if (fault !== '') throw new Error(fault)
    if (state === duckdb.PendingState.RESULT_READY || state === duckdb.PendingState.ERROR) return duckdb.execute_pending(pending)
    const ms = performance.now() - begun
    if (ms < EAGER_MS) await setImmediate()
    else await setTimeout(ms < SHORT_MS ? SHORT_LOOK_MS : LOOK_MS)
  }
}
