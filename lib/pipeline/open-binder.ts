import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type DuckDB, openDuckDB } from '../engines/duckdb.ts'

/** A small engine for binding on zero rows. */
export async function openBinder(workspaces: string): Promise<DuckDB> {
  const temp = join(workspaces, '_bind')
  await mkdir(temp, { recursive: true })
  return openDuckDB({ memoryBytes: 256 * 2 ** 20, threads: 1, temp })
}
