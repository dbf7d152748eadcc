import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { version } from '@duckdb/node-api'
import { duckdbPlatform, extensionPath } from '../../lib/engines/extensions.ts'

/** An extension's file as DuckDB knows it, for this engine and platform, but signed by nobody and with nothing in it. */
export function unsignedExtension(): Buffer {
  const field = (text: string) => Buffer.concat([Buffer.from(text), Buffer.alloc(32)]).subarray(0, 32)
  const about = ['', '', '', 'CPP', 'test', version(), duckdbPlatform(), '4'].map(field)
  return Buffer.concat([Buffer.from('no machine code'.repeat(100)), ...about, Buffer.alloc(256)])
}

/** Puts a file where an extension is looked for below a folder; the same layout as a repository of DuckDB. */
export function putExtension(folder: string, content: Uint8Array | string): string {
  const file = extensionPath(folder, 'postgres_scanner')
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, content)
  return file
}

/** A folder for PATH in which there is nothing but these shell scripts. */
export function programs(folder: string, scripts: Readonly<Record<string, string>>): string {
  mkdirSync(folder, { recursive: true })
  for (const [name, script] of Object.entries(scripts)) {
    writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`)
    chmodSync(join(folder, name), 0o755)
  }
  return folder
}
