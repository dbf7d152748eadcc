import { exists } from '../../core/disk.ts'
import type { Warehouse } from '../warehouse.ts'
import { copyOutOf } from './copy-out.ts'
import { keeper } from './kept.ts'
import { loadFile } from './load.ts'
import { aloneAt, withFile } from './open.ts'
import { describeTable } from './table.ts'
import { readTokens } from './tokens.ts'

/**
 * Durability, as DuckDB 1.5.5 does it (seen with strace): COMMIT syncs the blocks that bulk rows went to, then the write-ahead log, before it answers; the checkpoint that follows syncs the file, switches its
 * header, syncs again and removes the log. A log that a crash left is replayed by whoever opens the file next. The file itself is made under another name and linked into place, because a kill
 * inside DuckDB's own creation leaves a file that it then refuses to open.
 */
export function openWarehouse(file: string, keepOpenMs: number | undefined): Warehouse {
  const kept = keepOpenMs === undefined ? undefined : keeper(keepOpenMs, (work) => aloneAt(file, work))
  const yielding = () => kept && aloneAt(file, () => kept.drop())
  return {
    kind: 'duckdb',
    describe: async (table, ctx) => {
      if (!(await exists(file))) return undefined
      await yielding()
      return withFile({ file, readOnly: true }, ctx, async (db) => (await describeTable(db, table))?.columns)
    },
    load: (request, ctx) => loadFile(file, request, ctx, kept),
    copyOut: async (request, ctx) => {
      if (!(await exists(file))) return undefined
      await yielding()
      return copyOutOf(file, request, ctx)
    },
    tokens: async (pipeline, ctx) => {
      if (!(await exists(file))) return []
      await yielding()
      return withFile({ file, readOnly: true }, ctx, (db) => readTokens(db, pipeline))
    },
    close: async () => {
      if (await exists(file)) await yielding()
    },
  }
}
