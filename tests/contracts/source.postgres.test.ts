import { afterAll, beforeAll } from 'vitest'
import { postgres } from '../../lib/connectors/postgres/index.ts'
import type { SourceRequest } from '../../lib/connectors/requests.ts'
import { extensionsHere } from '../kit/extensions.ts'
import { type TestPostgres, testPostgres } from '../kit/postgres.ts'
import { type ContractRow, type SourceSubject, sourceContract } from './source.ts'

const TABLE = `CREATE TABLE contract (id int8, name text, amount numeric(12,2), ratio float8, flag boolean, day date, at timestamptz)`

const ABSENT = {
  table: {
    request: { method: 'table', table: 'nowhere' },
    message: /reading public\.nowhere from .* failed: relation "public\.nowhere" does not exist \(42P01\)/,
  },
  query: { request: { method: 'query', sql: 'SELECT nothing FROM contract' }, message: /column "nothing" does not exist \(42703\)/ },
} as const

let server: TestPostgres
beforeAll(async () => {
  // The other suites run on the newest version.
  server = await testPostgres({ version: 15 })
})
afterAll(() => server.stop())

async function subjectOf(request: SourceRequest & { method: 'table' | 'query' }, extension: boolean): Promise<SourceSubject> {
  const database = await server.createDatabase()
  await server.query(database, TABLE)
  const { host, port, user, password } = server
  return {
    connection: postgres({ host, port, user, password, database, extension }),
    request,
    absent: ABSENT[request.method],
    extensions: extensionsHere,
    serve: async (rows: readonly ContractRow[]) => {
      // Not TRUNCATE: an open source holds its lock to the end of its run.
      const insert = 'INSERT INTO contract SELECT * FROM json_populate_recordset(NULL::contract, $1)'
      await server.query(database, 'DELETE FROM contract')
      await server.query(database, insert, [JSON.stringify(rows)])
    },
    close: async () => undefined,
  }
}

const roads = extensionsHere.file('postgres_scanner') === undefined ? [false] : [false, true]
for (const extension of roads) {
  const road = extension ? "DuckDB's extension" : 'COPY streams'
  sourceContract(`postgres, a table by ${road},`, () => subjectOf({ method: 'table', table: 'contract' }, extension))
  sourceContract(`postgres, a query by ${road},`, () => subjectOf({ method: 'query', sql: 'SELECT * FROM contract -- all' }, extension))
}
