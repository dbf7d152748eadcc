import { duckdbPlatform, duckdbVersion, type ExtensionName } from './extensions.ts'

/** A Python wheel that carries a signed extension of DuckDB, as the package index has it. */
export interface ExtensionWheel {
  /** For pip: `name==version`. */
  readonly requirement: string
  readonly file: string
  readonly sha256: string
}

/** The wheels whose bytes were looked at. Another platform's, or another version's, is refused until its checksum stands here. */
const WHEELS: Readonly<Record<string, ExtensionWheel>> = {
  'postgres_scanner v1.5.5 linux_amd64': {
    requirement: 'duckdb-extension-postgres-scanner==1.5.5',
    file: 'duckdb_extension_postgres_scanner-1.5.5-py3-none-manylinux2014_x86_64.whl',
    sha256: 'fea9413d1b5bded7ead650aff91b3d7578c5149d832f666100b362f64404bf18',
  },
}

/** The wheel of an extension for the engine's version; undefined where none is pinned. */
export function extensionWheel(name: ExtensionName, platform = duckdbPlatform()): ExtensionWheel | undefined {
  return WHEELS[`${name} ${duckdbVersion()} ${platform}`]
}
