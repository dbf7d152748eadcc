import { expect, onTestFinished, test } from 'vitest'
import type { DuckDB, DuckDBOptions } from '../../lib/engines/duckdb.ts'
import { enginePool } from '../../lib/engines/engine-pool.ts'
import { keptSessions } from '../../lib/engines/kept-sessions.ts'
import { temporaryFolder } from '../kit/context.ts'

const OPTIONS = { memoryBytes: 2 ** 28, threads: 2, temp: 'not used' }

function keeper() {
  const pool = enginePool(temporaryFolder())
  onTestFinished(() => pool.close())
  const opened: DuckDBOptions[] = []
  const sessions = keptSessions((options) => {
    opened.push(options)
    return pool.open(options)
  })
  return { sessions, opened, pool }
}

const one = async (db: DuckDB, sql: string) => Object.values((await db.meta(sql))[0] ?? {})[0]

test('keptSessions gives all of one zone the sessions of one engine, and what one has closed to the next', async () => {
  const { sessions, opened } = keeper()
  const [a, b] = await Promise.all([sessions.open(OPTIONS), sessions.open({ ...OPTIONS, zone: 'UTC' })])
  expect(a?.connection).not.toBe(b?.connection)
  const elsewhere = await sessions.open({ ...OPTIONS, zone: 'Europe/Warsaw' })
  expect(await one(elsewhere, "SELECT current_setting('TimeZone')")).toBe('Europe/Warsaw')
  a.close()
  a.close()
  const again = await sessions.open(OPTIONS)
  expect(again.connection).toBe(a.connection)
  expect((await sessions.open(OPTIONS)).connection).not.toBe(a.connection)
  expect(await one(again, 'SELECT 42')).toBe('42')
  expect(opened).toHaveLength(1)
})

test('keptSessions keeps no session in which a statement has failed', async () => {
  const { sessions, opened } = keeper()
  const broken = await sessions.open(OPTIONS)
  await expect(broken.run('SELECT nothing')).rejects.toThrow('nothing')
  broken.close()
  const next = await sessions.open(OPTIONS)
  expect(next.connection).not.toBe(broken.connection)
  expect(opened).toHaveLength(1)
})

test('keptSessions asks for an engine where other limits or no order are wanted', async () => {
  const { sessions, opened } = keeper()
  await sessions.open(OPTIONS)
  for (const other of [{ threads: 1 }, { memoryBytes: 2 ** 27 }, { preserveOrder: false }])
    (await sessions.open({ ...OPTIONS, ...other })).close()
  expect(opened).toHaveLength(4)
})

test('keptSessions gives its engine back', async () => {
  const { sessions, pool } = keeper()
  const db = await sessions.open(OPTIONS)
  const temp = await one(db, "SELECT current_setting('temp_directory')")
  db.close()
  await sessions.close()
  const again = await pool.open(OPTIONS)
  expect(await one(again, "SELECT current_setting('temp_directory')")).toBe(temp)
  again.close()
})
