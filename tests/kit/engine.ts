import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type DuckDB, openDuckDB } from '../../lib/engines/duckdb.ts'

let opened: Promise<DuckDB> | undefined

/** A connection of an engine that all tests of a file share, for what makes and looks at their data; it ends with their process. Whoever gets a connection closes it. */
export async function connectToTestEngine({ zone }: { readonly zone?: string } = {}): Promise<DuckDB> {
  opened ??= openDuckDB({ memoryBytes: 512 * 2 ** 20, threads: 2, temp: join(tmpdir(), `millrace-test-engine-${process.pid}`) })
  return (await opened).connect(zone)
}
