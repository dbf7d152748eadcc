import type { Warehouse, WarehouseConnection } from '../../connectors/warehouse.ts'
import type { Extensions } from '../../engines/extensions.ts'
import type { ParentLink } from './parent-link.ts'

/**
 * The warehouse as a worker has it: the parent loads, one dataset after the other, for a warehouse of one file has one writer. Only frames do not go that way: they are bytes on their way from one server to another, which
 * a second process between them would only delay, and a server that takes them has many writers; so `receive` opens the warehouse here.
 */
export function parentsWarehouse(connection: WarehouseConnection, extensions: Extensions, parent: ParentLink): Warehouse {
  let own: Warehouse | undefined
  const opened = () => (own ??= connection.openWarehouse({ extensions }))
  return {
    kind: connection.kind,
    describe: async (table) => (await parent.call('describe', { table })) ?? undefined,
    load: (request, ctx) => parent.call('load', { request, partition: ctx.partition ?? '' }),
    copyOut: async (request) => (await parent.call('copyOut', request)) ?? undefined,
    ...(connection.frames && {
      receive: async (request, frames, ctx) => {
        const { receive } = opened()
        if (!receive) throw new RangeError(`a warehouse of kind ${connection.kind} takes no frames`)
        return receive(request, frames, ctx)
      },
    }),
    tokens: () => parent.call('tokens', {}),
    close: async () => {
      await own?.close()
    },
  }
}
