import { execFile } from 'node:child_process'
import { chown, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { postgres } from '../../lib/connectors/postgres/index.ts'
import { ConfigError, type MillraceError, TransientError } from '../../lib/core/errors.ts'
import type { Reader } from '../../lib/engines/reader.ts'
import { errorOf, ROADS, testReader, testRun, valuesOf } from '../connectors/postgres/kit.ts'
import { append, warehouseOn } from '../connectors/postgres/warehouse-kit.ts'
import { checkContext } from '../kit/check.ts'
import { type TestPostgres, testPostgres } from '../kit/postgres.ts'

let primary: TestPostgres
let replica: TestPostgres
let reader: Reader
beforeAll(async () => {
  reader = testReader()
  primary = await testPostgres()
  await primary.query('postgres', 'CREATE TABLE item AS SELECT i AS id, md5(i::text) AS text FROM generate_series(1, 9000) AS i')
  await primary.query('postgres', 'CREATE TABLE other AS SELECT i AS id FROM generate_series(1, 1000) AS i')
  replica = await replicaOf(primary)
})
afterAll(async () => {
  await reader?.close()
  await replica?.stop('immediate')
  await primary?.stop('immediate')
})

/** A streaming replica that waits for no reader, from a base backup (PostgreSQL manual, "Making a Base Backup Using the Low Level API"). */
async function replicaOf(server: TestPostgres): Promise<TestPostgres> {
  const { host, port, user, password, folder } = server
  const copy = join(dirname(folder), 'replica')
  const session = await server.client('postgres')
  await session.query("SELECT pg_backup_start('replica', true)")
  await promisify(execFile)('cp', ['-a', folder, copy])
  const { rows } = await session.query<{ labelfile: string }>('SELECT labelfile FROM pg_backup_stop(false)')
  await session.end()
  const { uid, gid } = await stat(folder)
  for (const [name, text] of Object.entries({ backup_label: rows[0]?.labelfile ?? '', 'standby.signal': '' })) {
    await writeFile(join(copy, name), text)
    await chown(join(copy, name), uid, gid)
  }
  await rm(join(copy, 'postmaster.pid'))
  const from = `primary_conninfo=host=${host} port=${port} user=${user} password=${password}`
  return testPostgres({ folder: copy, settings: [from, 'max_standby_streaming_delay=0'] })
}

/** Waits until the replica shows what the primary has committed. */
async function caughtUp(): Promise<void> {
  const [[at] = []] = await primary.query('postgres', 'SELECT pg_current_wal_lsn()')
  for (let i = 0; i < 400; i++) {
    const [[there] = []] = await replica.query('postgres', `SELECT pg_last_wal_replay_lsn() >= '${at}'::pg_lsn`)
    if (there === 't') return
    await new Promise((done) => setTimeout(done, 25))
  }
  throw new Error(`the replica has not come to ${at}`)
}

it.each(ROADS)('a replica is read on one snapshot, in parts, by %s', async (road) => {
  const run = testRun(replica, 'postgres', reader, { road, tuning: { leastPages: 10 } })
  const items = await run.land({ method: 'table', table: 'item' })
  await primary.query('postgres', 'INSERT INTO other VALUES (-1)')
  await caughtUp()
  expect(items.rows).toBe(9000)
  expect((await valuesOf(items, 'id + 0')).at(-1)).toEqual(['9000', 'd5ab8dc7ef67ca92e41d730982c5c602'])
  // Written after the snapshot.
  expect((await run.land({ method: 'query', sql: 'SELECT id FROM other WHERE id < 0' })).rows).toBe(0)
  await run.close()
  await primary.query('postgres', 'DELETE FROM other WHERE id < 0')
})

it.each(ROADS)('a read that the replay of a replica breaks off is transient, and says what to set, by %s', async (road) => {
  await caughtUp()
  const run = testRun(replica, 'postgres', reader, { road, retries: 0 })
  const reading = errorOf(run.land({ method: 'query', sql: 'SELECT id, pg_sleep(0.02)::text AS slept FROM item ORDER BY id' }))
  for (let i = 0; i < 400; i++) {
    const [[begun] = []] = await replica.query(
      'postgres',
      "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%slept%' AND state = 'active' AND pid <> pg_backend_pid()",
    )
    if (begun !== '0') break
    await new Promise((done) => setTimeout(done, 25))
  }
  // The rows that it is about to read go: its snapshot still has them.
  await primary.query('postgres', 'DELETE FROM item WHERE id = 9000')
  await primary.query('postgres', 'VACUUM item')
  const error = (await reading) as MillraceError
  expect(error).toBeInstanceOf(TransientError)
  expect(error.message).toMatch(/conflict with recovery/)
  expect(error.hint).toMatch(/max_standby_streaming_delay|hot_standby_feedback/)
  await run.close()
  await primary.query('postgres', "INSERT INTO item VALUES (9000, 'again')")
})

it('what a replica that is behind gives is as of the last commit that it shows', async () => {
  await caughtUp()
  const asOf = async () => {
    const run = testRun(replica, 'postgres', reader)
    const relation = await run.read({ method: 'query', sql: 'SELECT 1 AS id' })
    await relation.close()
    await run.close()
    return relation.asOf?.getTime() ?? 0
  }
  const [begun, current] = [Date.now(), await asOf()]
  expect(current).toBeGreaterThanOrEqual(begun)
  const [[shown] = []] = await replica.query('postgres', 'SELECT (extract(epoch FROM pg_last_xact_replay_timestamp()) * 1000)::bigint')
  await replica.query('postgres', 'SELECT pg_wal_replay_pause()')
  await primary.query('postgres', 'INSERT INTO other VALUES (-2)')
  for (let i = 0; i < 400; i++) {
    const [[behind] = []] = await replica.query('postgres', 'SELECT pg_last_wal_receive_lsn() > pg_last_wal_replay_lsn()')
    if (behind === 't') break
    await new Promise((done) => setTimeout(done, 25))
  }
  expect(await asOf()).toBe(Number(shown))
  await replica.query('postgres', 'SELECT pg_wal_replay_resume()')
})

it('a replica is no warehouse: a load says so, and doctor before it', async () => {
  const { load } = await warehouseOn(replica, { database: 'postgres' })
  const error = (await errorOf(load('t', append, "SELECT 1 AS id, 'a' AS value"))) as MillraceError
  expect(error).toBeInstanceOf(ConfigError)
  expect(error.message).toMatch(/read-only transaction \(25006\)|during recovery/)
  const { host, port, user, password } = replica
  const connection = postgres({ host, port, user, password, database: 'postgres' })
  expect(await connection.check?.(checkContext('warehouse'))).toContainEqual(
    expect.objectContaining({ what: 'writing', state: 'fault', kind: 'configuration' }),
  )
  const read = await connection.check?.(checkContext('source'))
  expect(read?.filter(({ state }) => state === 'fault')).toEqual([])
})
