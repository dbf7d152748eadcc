import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { postgres } from '../../lib/connectors/postgres/index.ts'
import type { MillraceError } from '../../lib/core/errors.ts'
import type { Reader } from '../../lib/engines/reader.ts'
import { errorOf, ROADS, testReader, testRun, valuesOf } from '../connectors/postgres/kit.ts'
import { append, warehouseOn } from '../connectors/postgres/warehouse-kit.ts'
import { checkContext } from '../kit/check.ts'
import { PGBOUNCER, startPgbouncer } from '../kit/pgbouncer.ts'
import { type Pooler, type PoolMode, startPooler } from '../kit/pooler.ts'
import { type TestPostgres, testPostgres } from '../kit/postgres.ts'

let server: TestPostgres
let reader: Reader
beforeAll(async () => {
  ;[server, reader] = [await testPostgres(), testReader()]
})
afterAll(async () => {
  await reader?.close()
  await server?.stop()
})

type Start = (server: TestPostgres, mode: PoolMode) => Promise<Pooler>

/** Ours does what PgBouncer does; that itself is asked where the machine has it. */
const POOLERS: readonly (readonly [name: string, start: Start])[] = [
  ['our own', startPooler],
  ...(PGBOUNCER ? [['PgBouncer', startPgbouncer] as const] : []),
]

const refused = {
  exitCode: 2,
  message: expect.stringMatching(
    /^connecting to postgres on 127\.0\.0\.1:\d+ failed: a pooler there gives each transaction another session of the server$/,
  ),
  hint: expect.stringMatching(/^name the server itself, or a pool with pool_mode = session/),
}

describe.each(POOLERS)('a pooler, %s, that', (_, start) => {
  it('gives each transaction another session: refused, by source, warehouse and doctor', async () => {
    await using pooler = await start(server, 'transaction')
    const at = { host: pooler.host, port: pooler.port, database: 'postgres' }
    const run = testRun(server, 'postgres', reader, at)
    expect((await errorOf(run.land({ method: 'query', sql: 'SELECT 1 AS id' }))) as MillraceError).toMatchObject(refused)
    const { load } = await warehouseOn(server, at)
    expect(await errorOf(load('pooled', append, "SELECT 1 AS id, 'a' AS value"))).toMatchObject(refused)
    const { user, password } = server
    const findings = await postgres({ ...at, user, password }).check?.(checkContext('source'))
    expect(findings).toMatchObject([
      { what: 'answers', state: 'fault', kind: 'configuration', found: expect.stringContaining('a pooler there') },
    ])
  })

  it.each(ROADS)('leaves a session to its client: taken, by %s', async (road) => {
    await using pooler = await start(server, 'session')
    const run = testRun(server, 'postgres', reader, { road, host: pooler.host, port: pooler.port })
    const landed = await run.land({ method: 'query', sql: 'SELECT 1 AS id' })
    expect(await valuesOf(landed, 'id')).toEqual([['1']])
    const { load, rows } = await warehouseOn(server, { host: pooler.host, port: pooler.port })
    await load('pooled', append, "SELECT 1 AS id, 'a' AS value")
    expect(await rows('SELECT id FROM pooled')).toEqual(['1'])
  })
})
