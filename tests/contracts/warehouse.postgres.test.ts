import { randomUUID } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe } from 'vitest'
import { extensionsFolder } from '../../lib/config/load.ts'
import { postgres } from '../../lib/connectors/postgres/index.ts'
import { extensionsIn } from '../../lib/engines/extensions.ts'
import { type TestPostgres, testPostgres } from '../kit/postgres.ts'
import { queryTables } from '../kit/postgres-tables.ts'
import { CHECKOUT } from '../kit/project.ts'
import { warehouseContract } from './warehouse.ts'

const HERE = extensionsFolder(CHECKOUT)
/** Folders of extensions: none, and set-up's where it has put the extension there. */
const ROADS = extensionsIn(HERE).file('postgres_scanner') === undefined ? [undefined] : [undefined, HERE]

const DATABASE = 'contract'
const MODULE = fileURLToPath(new URL('../../lib/connectors/postgres/index.ts', import.meta.url))

for (const version of [18, 15] as const) {
  describe(`PostgreSQL ${version}`, () => {
    let server: TestPostgres
    beforeAll(async () => {
      server = await testPostgres({ version, settings: ['max_connections=40'] })
      await server.createDatabase(DATABASE)
    })
    afterAll(() => server.stop())

    for (const extensions of ROADS)
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
            elsewhere: { module: MODULE, name: 'postgres', args: [options], ...(extensions !== undefined && { extensions }) },
            settled: async () => {
              const loading = "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'millrace/%' AND backend_type = 'client backend'"
              while ((await server.query(DATABASE, loading)).length > 0) await new Promise((done) => setTimeout(done, 20))
            },
          }
        },
        { abortedRows: 400_000, killedRows: 60_000, kills: 3, orders: 3 },
      )
  })
}
