import type { Extensions } from '../../engines/extensions.ts'
import type { SourceRequest } from '../requests.ts'
import type { SharedLimits } from '../shared-limits.ts'
import type { Settings } from './options.ts'

/** PostgreSQL's COPY … (FORMAT binary), with its header and trailer. */
export const COPY_BINARY = 'postgres-copy-binary'

/** How many small tables are read on one session. */
export const TOGETHER = 16

/** Sessions that read: one holds the snapshot. */
export function capacityOf({ maxConnections }: Pick<Settings, 'maxConnections'>): number {
  return Math.max(1, maxConnections - 1)
}

/** Datasets that are read at once: beyond its sessions, since small tables share one. */
export function concurrencyOf({ maxConnections }: Pick<Settings, 'maxConnections'>, shared?: SharedLimits): number {
  return capacityOf({ maxConnections: Math.min(maxConnections, shared?.sessions ?? maxConnections) }) * TOGETHER
}

/** Whether a request may be one that the server cannot answer for a window without going through all: a query that does not cut itself. */
export function mayReadWhole(request: SourceRequest): 'ask' | false {
  return request.method === 'query' && !/\{(start|end|partition)\}/.test(request.sql) ? 'ask' : false
}

/** The extension's rows cannot be counted on their way, and it takes sessions beside the one of the snapshot. */
export function wantsExtension({ extension, rowsPerSecond, maxConnections }: Settings): boolean {
  return extension && rowsPerSecond === undefined && maxConnections > 1
}

/** What `plan` says of how this machine reads. */
export function readingNotes(settings: Settings, extensions: Extensions): readonly string[] {
  const slower = wantsExtension(settings) && extensions.file('postgres_scanner') === undefined
  return [
    ...(settings.insecure ? ['is not verified: it is configured as insecure'] : []),
    ...(slower ? ["is read by COPY streams, slower: DuckDB's postgres_scanner is not in place (millrace setup puts it there)"] : []),
  ]
}
