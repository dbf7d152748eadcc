import { resolve } from 'node:path'
import { exists } from '../../core/disk.ts'
import type { Warehouse, WarehouseConnection } from '../warehouse.ts'
import { checkFile } from './check.ts'
import { loadFile } from './load.ts'
import { withFile } from './open.ts'
import { describeTable } from './table.ts'
import { readTokens } from './tokens.ts'

/**
 * A DuckDB file as the warehouse: `duckdb('.millrace/dev/warehouse.duckdb')`. A relative path is taken from the project's folder.
 *
 * A target's table name is one identifier in the schema `main`, whatever stands in it: `mart.daily` is a table with a dot in its name. Names are compared without
 * case, as DuckDB does. Nothing holds the file between calls: each one opens it, alone in this process and among processes, and closes it. No other code of this process may open the file
 * meanwhile, not even to read its bytes: the operating system drops a process's locks on a file when any descriptor of it closes. A person's reading session in another process
 * makes a load wait, so it should be short.
 */
export function duckdb(file: string): WarehouseConnection {
  return {
    kind: 'duckdb',
    settings: { file },
    location: file,
    openWarehouse: () => openWarehouse(resolve(file)),
    check: (ctx) => checkFile(resolve(file), ctx),
  }
}

/**
 * Durability, as DuckDB 1.5.5 does it (seen with strace): COMMIT syncs the blocks that bulk rows went to, then the write-ahead log, before it answers; the checkpoint that follows syncs the file, switches its
 * header, syncs again and removes the log. A log that a crash left is replayed by whoever opens the file next. The file itself is made under another name and linked into place, because a kill
 * inside DuckDB's own creation leaves a file that it then refuses to open.
 */
function openWarehouse(file: string): Warehouse {
  return {
    kind: 'duckdb',
    describe: async (table, ctx) =>
      (await exists(file)) ? withFile({ file, readOnly: true }, ctx, async (db) => (await describeTable(db, table))?.columns) : undefined,
    load: (request, ctx) => loadFile(file, request, ctx),
    tokens: async (pipeline, ctx) =>
      (await exists(file)) ? withFile({ file, readOnly: true }, ctx, (db) => readTokens(db, { pipeline })) : [],
    close: async () => {},
  }
}
