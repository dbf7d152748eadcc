import { randomUUID } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe } from 'vitest'
import type { PostgresVersion } from '../../fixtures/postgres-server.ts'
import { postgres } from '../../lib/connectors/postgres/index.ts'
import { type TestPostgres, testPostgres } from '../kit/postgres.ts'
import { queryTables } from '../kit/postgres-tables.ts'
import { warehouseContract } from './warehouse.ts'

const DATABASE = 'contract'
const MODULE = fileURLToPath(new URL('../../lib/connectors/postgres/index.ts', import.meta.url))

/** The contract suite on a server of its own, by each road: the folders of extensions, `undefined` for the COPY stream. */
export function postgresContract(version: PostgresVersion, roads: readonly (string | undefined)[]): void {
  describe(`PostgreSQL ${version}`, () => {
    let server: TestPostgres
    beforeAll(async () => {
      server = await testPostgres({ version, settings: ['max_connections=40'] })
      await server.createDatabase(DATABASE)
    })
    afterAll(() => server.stop())

    for (const extensions of roads)
      warehouseContract(
        extensions === undefined ? 'postgres by the COPY stream' : 'postgres by the extension',
        async () => {
          const schema = `s_${randomUUID().slice(0, 8)}`
          await server.query(DATABASE, `CREATE SCHEMA ${schema}`)
          const { host, port, user, password } = server
          const options = { host, port, user, password, database: DATABASE, schema }
          return {
            connection: postgres(options),
            query: (sql) => queryTables(server, DATABASE, schema, sql),
            drop: async (table) => void (await server.query(DATABASE, `DROP TABLE ${schema}."${table}"`)),
            elsewhere: { module: MODULE, name: 'postgres', args: [options], ...(extensions !== undefined && { extensions }) },
            settled: async () => {
              const loading = "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'millrace/%' AND backend_type = 'client backend'"
              while ((await server.query(DATABASE, loading)).length > 0) await new Promise((done) => setTimeout(done, 20))
            },
          }
        },
        { abortedRows: 400_000, killedRows: 60_000, kills: 2, orders: 2 },
      )
  })
}
