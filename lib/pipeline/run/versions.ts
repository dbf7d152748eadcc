import { createRequire } from 'node:module'
import { millraceVersion } from '../../core/version.ts'

const require = createRequire(import.meta.url)
let known: Readonly<Record<string, string>> | undefined

/** Versions of what makes results, for records: an upgrade is seen there and restates nothing by itself. */
export function versions(): Readonly<Record<string, string>> {
  const of = (name: string) => String(require(`${name}/package.json`).version)
  known ??= { millrace: millraceVersion, duckdb: of('@duckdb/node-api'), polars: of('nodejs-polars'), node: process.version.slice(1) }
  return known
}
