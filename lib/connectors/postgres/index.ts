import { late, lateSource, lateWarehouse } from '../late.ts'
import type { SourceConnection } from '../source.ts'
import type { WarehouseConnection } from '../warehouse.ts'
import { COPY_BINARY, concurrencyOf, mayReadWhole, readingNotes } from './known.ts'
import { type PostgresOptions, printable, settingsOf } from './options.ts'
import { serveBy, servedElsewhere, sharedServer } from './server.ts'

export type { PostgresOptions, StartedServer } from './options.ts'

/**
 * A PostgreSQL database, as a source: tables and views (`source('crm').table('payment')`) and queries. All datasets of a run are read on one snapshot. Opens no connection before the first read.
 *
 * And as the warehouse: a target's table is one identifier in the connection's `schema`, whatever stands in it; names are compared as they are, case too. Rows and token change in one transaction.
 * @throws ConfigError for settings that cannot be
 */
export function postgres(options: PostgresOptions): SourceConnection & WarehouseConnection {
  const settings = settingsOf(options)
  const server = sharedServer(options)
  return {
    kind: 'postgres',
    methods: ['table', 'query'],
    settings: printable(options),
    ...(settings.zone !== undefined && { zone: settings.zone }),
    location: `${settings.schema} of ${settings.database} on ${settings.host ?? 'a server of this machine'}`,
    frames: {
      format: COPY_BINARY,
      ...(settings.rowsPerSecond !== undefined && { refused: 'rowsPerSecond cannot be kept, since rows are not looked at' }),
    },
    notes: (extensions) => readingNotes(settings, extensions),
    check: async (ctx) => (await import('./check.ts')).checkServer(settings, server(), ctx),
    sessions: settings.maxConnections,
    readsWhole: mayReadWhole,
    ...(options.start && { serve: () => serveBy(server()) }),
    openSource: (tools) => {
      const use = options.start && tools.shared ? servedElsewhere(tools.shared) : server()
      const source = late(async () => (await import('./source.ts')).openSource(settings, use, tools))
      return {
        ...lateSource({ kind: 'postgres', concurrency: concurrencyOf(settings, tools.shared) }, source),
        readsWhole: async (read, windows, ctx) => (await source.get()).readsWhole(read, windows, ctx),
        frames: async (read, ctx) => (await source.get()).frames(read, ctx),
      }
    },
    openWarehouse: (tools) => {
      const warehouse = late(async () => (await import('./warehouse.ts')).openWarehouse(settings, server(), tools))
      return {
        ...lateWarehouse('postgres', warehouse),
        receive: async (request, frames, ctx) => (await warehouse.get()).receive(request, frames, ctx),
      }
    },
  }
}
