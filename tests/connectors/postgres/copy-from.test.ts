import { afterAll, beforeAll, expect, it } from 'vitest'
import { openLoadSession } from '../../../lib/connectors/postgres/load-session.ts'
import { settingsOf } from '../../../lib/connectors/postgres/options.ts'
import { type TestPostgres, testPostgres } from '../../kit/postgres.ts'
import { errorOf } from './kit.ts'

let server: TestPostgres
beforeAll(async () => {
  server = await testPostgres()
})
afterAll(() => server?.stop())

it.each([false, true])('rows that are refused while others wait to be sent fail the COPY, and nothing else; ended: %s', async (ended) => {
  await server.query('postgres', 'DROP TABLE IF EXISTS t; CREATE TABLE t (id text CHECK (id <> repeat($$a$$, 65535)))')
  const { host, port, user, password } = server
  const session = await openLoadSession(settingsOf({ host, port, user, password, database: 'postgres' }), { host, port }, 'millrace/test')
  const row = Buffer.from(`${'a'.repeat(65_535)}\n`)
  const uncaught: unknown[] = []
  const note = (error: unknown) => void uncaught.push(error)
  process.on('uncaughtException', note)
  try {
    const copying = session.copy('COPY t FROM STDIN', async (into) => {
      const failed = new Promise<never>((_, reject) => into.once('error', reject))
      // More than sockets hold.
      for (let i = 0; i < 500; i++) into.write(row)
      if (ended) into.end()
      await failed
    })
    expect(await errorOf(copying)).toMatchObject({ code: '23514' })
    expect((await session.query('SELECT count(*) FROM t')).rows).toEqual([['0']])
  } finally {
    process.off('uncaughtException', note)
    await session.close()
  }
  expect(uncaught).toEqual([])
})
