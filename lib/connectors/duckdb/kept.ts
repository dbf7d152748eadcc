import type { DuckDB } from '../../engines/duckdb.ts'

/** How long a file is held at most, however much there is to do: somebody else may want it. */
const MOST_MS = 5_000

/**
 * An engine that stays open on a file for a moment after a load, for whoever loads next: opening, closing and moving the log into the file take three quarters of a small load's time. Of one warehouse, whose calls come one at a time.
 */
export interface Keeper {
  /** The engine that is open, for one call; `keep` or `drop` follows. */
  take(): DuckDB | undefined
  /** Leaves an engine open for a moment; `before` is done when it is closed. */
  keep(db: DuckDB, before: (db: DuckDB) => Promise<void>): Promise<void>
  /** Closes what is open; `broken`: without more ado. */
  drop(broken?: DuckDB): Promise<void>
}

interface Kept {
  readonly db: DuckDB
  readonly sinceMs: number
  readonly before: (db: DuckDB) => Promise<void>
  timer: NodeJS.Timeout | undefined
}

/** `keepMs`: how long after a load. `alone`: runs the closing when nobody else is at the file. */
export function keeper(keepMs: number, alone: (work: () => Promise<void>) => Promise<unknown>): Keeper {
  let kept: Kept | undefined
  const close = async () => {
    const closing = kept
    kept = undefined
    clearTimeout(closing?.timer)
    if (!closing) return
    try {
      await closing.before(closing.db)
    } finally {
      closing.db.close()
    }
  }
  return {
    take: () => {
      clearTimeout(kept?.timer)
      return kept?.db
    },
    keep: async (db, before) => {
      const sinceMs = kept?.db === db ? kept.sinceMs : performance.now()
      kept = { db, sinceMs, before, timer: undefined }
      const leftMs = Math.min(keepMs, MOST_MS - (performance.now() - sinceMs))
      if (leftMs <= 0) return close()
      // What the log holds is durable; should this process end before, the next one that opens the file takes it up.
      kept.timer = setTimeout(() => void alone(close).catch(() => undefined), leftMs).unref()
    },
    drop: async (broken) => {
      if (!broken) return close()
      clearTimeout(kept?.timer)
      if (kept?.db === broken) kept = undefined
      broken.close()
    },
  }
}
