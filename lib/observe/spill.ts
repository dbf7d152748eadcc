import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** Bytes that DuckDB's engines have on the disk below a folder at this moment: `engines/1/duckdb_temp_storage_DEFAULT-0.tmp`. */
export function spilledBytesIn(folder: string): number {
  let bytes = 0
  try {
    for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }))
      if (/(^|\/)duckdb_temp_[^/]*$/.test(name)) bytes += statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0
  } catch {
    // Files and folders come and go while they are looked at.
  }
  return bytes
}
