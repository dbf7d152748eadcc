import duckdb from '@duckdb/node-bindings'
import type { RunContext } from '../core/context.ts'
import { type ProgressOf, tellProgress } from '../core/progress.ts'
import type { DuckDB } from './duckdb.ts'

/**
 * Tells, until it is disposed, how far the statements on an engine's connection are in going through `totalRows`: the share that DuckDB says, which begins anew with each statement. Nothing is asked of
 * the engine where nobody looks on.
 */
export async function tellRows(db: DuckDB, totalRows: number, ctx: RunContext, of: ProgressOf): Promise<Disposable> {
  // Without the bar DuckDB does not count; `progress_bar_time` is how long it waits before it does.
  if (ctx.live) await db.run('SET enable_progress_bar = true; SET enable_progress_bar_print = false; SET progress_bar_time = 0')
  return tellProgress(ctx, of, () => {
    const { percentage } = duckdb.query_progress(db.connection.handle)
    return percentage < 0 ? { totalRows } : { rows: Math.round((Math.min(percentage, 100) / 100) * totalRows), totalRows }
  })
}
