import pg from 'pg'
import type { WarehouseConnection } from '../../../../lib/connectors/warehouse.ts'
import { canonicalJson } from '../../../../lib/core/hash.ts'

/** A broken twin of a warehouse: rows are committed under the token that was there before, and the new token in a transaction of its own, after them. */
export function tokenApart(connection: WarehouseConnection, server: pg.ClientConfig): WarehouseConnection {
  return {
    ...connection,
    openWarehouse: (tools) => {
      const warehouse = connection.openWarehouse(tools)
      return {
        ...warehouse,
        load: async (request, ctx) => {
          const { token, expected } = request
          const former = { ...token, inputKey: expected?.inputKey ?? '', loads: expected?.loads ?? {} }
          const receipt = await warehouse.load({ ...request, token: former }, ctx)
          const client = new pg.Client(server)
          await client.connect()
          try {
            await client.query(
              'UPDATE _millrace_tokens SET input_key = $1, loads = $2 WHERE pipeline = $3 AND "table" = $4 AND "partition" = $5',
              [...[token.inputKey, canonicalJson(token.loads), token.pipeline, token.table, token.partition]],
            )
          } finally {
            await client.end()
          }
          return receipt
        },
      }
    },
  }
}
