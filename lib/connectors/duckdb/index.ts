import { resolve } from 'node:path'
import { late, lateWarehouse } from '../late.ts'
import type { WarehouseConnection } from '../warehouse.ts'

/**
 * A DuckDB file as the warehouse: `duckdb('.millrace/dev/warehouse.duckdb')`. A relative path is taken from the project's folder.
 *
 * A target's table name is one identifier in the schema `main`, whatever stands in it: `mart.daily` is a table with a dot in its name. Names are compared without
 * case, as DuckDB does. Nothing holds the file between loads, but for a moment in a backfill, where the next one comes soon: each one opens it, alone in this process and among processes, and closes it. No other code of this process may open the file
 * meanwhile, not even to read its bytes: the operating system drops a process's locks on a file when any descriptor of it closes. A person's reading session in another process
 * makes a load wait, so it should be short.
 */
export function duckdb(file: string): WarehouseConnection {
  return {
    kind: 'duckdb',
    settings: { file },
    location: file,
    openWarehouse: ({ keepOpenMs }) => {
      const path = resolve(file)
      return lateWarehouse(
        'duckdb',
        late(async () => (await import('./warehouse.ts')).openWarehouse(path, keepOpenMs)),
      )
    },
    check: async (ctx) => (await import('./check.ts')).checkFile(resolve(file), ctx),
  }
}
