import pg from 'pg'
import type { PostgresServer } from '../../fixtures/postgres-server.ts'

/** The last result of some statements. */
export async function ask(server: PostgresServer, database: string, sql: string): Promise<readonly (readonly unknown[])[]> {
  const client = await session(server, database)
  try {
    const result = await client.query({ text: sql, rowMode: 'array' })
    return [result].flat().at(-1)?.rows ?? []
  } finally {
    await client.end()
  }
}

/** A session that a server may end without harm. */
export async function session(server: PostgresServer, database: string): Promise<pg.Client> {
  const { host, port, user, password } = server
  const client = new pg.Client({ host, port, user, password, database })
  client.on('error', () => undefined)
  await client.connect()
  return client
}
