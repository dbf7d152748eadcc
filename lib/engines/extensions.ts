import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

/** The signed extensions of DuckDB that millrace knows a use for. */
export type ExtensionName = 'postgres_scanner'

export const EXTENSIONS: readonly ExtensionName[] = ['postgres_scanner']

/** Which extensions set-up has put in place. None is ever fetched at run time: what is not there is done without, slower. */
export interface Extensions {
  /** The file of an extension, for `LOAD`; undefined where set-up has not put it. */
  file(name: ExtensionName): string | undefined
}

/** No extension at all. */
export const NO_EXTENSIONS: Extensions = { file: () => undefined }

/** DuckDB's own version, as its folders are named: the npm package's without its revision. Told without loading the engine, which would take half of the time of a set-up that has nothing to do. */
export function duckdbVersion(): string {
  return `v${String(createRequire(import.meta.url)('@duckdb/node-api/package.json').version).replace(/-.*$/, '')}`
}

/** Where DuckDB's `INSTALL` puts an extension of this version and platform below an `extension_directory`. */
export function extensionPath(folder: string, name: ExtensionName): string {
  return join(folder, duckdbVersion(), duckdbPlatform(), `${name}.duckdb_extension`)
}

/** The extensions below a folder. */
export function extensionsIn(folder: string): Extensions {
  return {
    file: (name) => {
      const file = extensionPath(folder, name)
      return existsSync(file) ? file : undefined
    },
  }
}

/** DuckDB's own name of this platform. */
export function duckdbPlatform(): string {
  const system = { darwin: 'osx', win32: 'windows' }[process.platform as string] ?? process.platform
  return `${system}_${process.arch === 'x64' ? 'amd64' : process.arch}`
}
