import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { type PostgresServer, type PostgresServerOptions, startPostgres } from '../../fixtures/postgres-server.ts'

/** A PostgreSQL of a suite's own, with what tests ask of it. */
export interface TestPostgres extends PostgresServer {
  /** Makes an empty database, and gives its name. */
  createDatabase(name?: string): Promise<string>
  /** Runs SQL as the superuser; gives the rows, each value as the server's own text. */
  query(database: string, sql: string, values?: readonly unknown[]): Promise<readonly (readonly (string | null)[])[]>
  /** A session of its own, to be ended by the test. */
  client(database: string, more?: pg.ClientConfig): Promise<pg.Client>
}

/** Starts one; `stop` it in `afterAll`. */
export async function testPostgres(options: PostgresServerOptions = {}): Promise<TestPostgres> {
  const server = await startPostgres(options)
  const client = async (database: string, more: pg.ClientConfig = {}) => {
    const { host, port, user, password } = server
    const opened = new pg.Client({ host, port, user, password, database, ...more })
    opened.on('error', () => undefined)
    await opened.connect()
    return opened
  }
  const query: TestPostgres['query'] = async (database, sql, values = []) => {
    const session = await client(database)
    try {
      const types = { getTypeParser: () => (text: string) => text }
      const result = await session.query({ text: sql, rowMode: 'array', types, ...(values.length > 0 && { values: [...values] }) })
      return ([result].flat().at(-1)?.rows ?? []) as (string | null)[][]
    } finally {
      await session.end()
    }
  }
  return {
    ...server,
    client,
    query,
    createDatabase: async (name = `t_${randomUUID().slice(0, 8)}`) => {
      await query('postgres', `CREATE DATABASE "${name.replaceAll('"', '""')}"`)
      return name
    },
  }
}
