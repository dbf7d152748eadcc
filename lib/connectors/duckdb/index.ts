import type { WarehouseConnection } from '../warehouse.ts'

/** A DuckDB file as the warehouse: `duckdb('.millrace/dev/warehouse.duckdb')`. A relative path is taken from the working directory at `open()`. */
export function duckdb(_file: string): WarehouseConnection {
  throw new Error('not built yet')
}
