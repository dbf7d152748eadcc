import type { Store, StoreConnection } from '../../../lib/connectors/store.ts'
import type { WarehouseConnection } from '../../../lib/connectors/warehouse.ts'

// A configuration that wraps its store and its warehouse so lets a run stop itself at one moment: SIGSTOP to its own process, before or after the first operation that TORTURE_HALT, a regular expression,
// fits: `before put rentals/revenue/2005-07/latest.json`, `after load fct_revenue 2005-07`, `before receive payment_passed 2005-07`. TORTURE_HALT_SIGNAL: another signal.

const at = process.env.TORTURE_HALT === undefined ? undefined : new RegExp(process.env.TORTURE_HALT)
const signal = (process.env.TORTURE_HALT_SIGNAL ?? 'SIGSTOP') as NodeJS.Signals
let halted = false

async function around<T>(operation: string, work: () => Promise<T>): Promise<T> {
  await halt(`before ${operation}`)
  const result = await work()
  await halt(`after ${operation}`)
  return result
}

/** The kernel delivers a signal to the own process before `kill` returns; until then nothing goes on. */
async function halt(moment: string): Promise<void> {
  if (halted || !at?.test(moment)) return
  halted = true
  process.kill(process.pid, signal)
}

export function haltingStore(connection: StoreConnection): StoreConnection {
  return { ...connection, openStore: () => halting(connection.openStore()) }
}

function halting(store: Store): Store {
  return {
    ...store,
    put: (key, body, options) => around(`put ${key}`, () => store.put(key, body, options)),
    head: (key) => around(`head ${key}`, () => store.head(key)),
    copy: (from, to, options) => around(`copy ${to}`, () => store.copy(from, to, options)),
  }
}

export function haltingWarehouse(connection: WarehouseConnection): WarehouseConnection {
  return {
    ...connection,
    openWarehouse: (tools) => {
      const warehouse = connection.openWarehouse(tools)
      const { receive } = warehouse
      return {
        ...warehouse,
        load: (request, ctx) => around(`load ${request.table} ${request.token.partition}`.trimEnd(), () => warehouse.load(request, ctx)),
        ...(receive && {
          receive: (request, frames, ctx) =>
            around(`receive ${request.table} ${request.place.partition}`.trimEnd(), () => receive(request, frames, ctx)),
        }),
      }
    },
  }
}

/** How a configuration of runner.ts is changed for it. */
export const HALTING: readonly (readonly [from: string, to: string])[] = [
  ["from '#millrace'\n", `from '#millrace'\nimport { haltingStore, haltingWarehouse } from ${JSON.stringify(import.meta.filename)}\n`],
  ["store: bucket('store')", "store: haltingStore(bucket('store'))"],
  ['warehouse: postgres({', 'warehouse: haltingWarehouse(postgres({'],
  ["database: 'warehouse' })", "database: 'warehouse' }))"],
]
