import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Reader } from '../../../lib/engines/reader.ts'
import { sourceColumn } from '../../../lib/extract/source-column.ts'
import { type TestPostgres, testPostgres } from '../../kit/postgres.ts'
import { errorOf, ROADS, testReader, testRun, valuesOf } from './kit.ts'

let server: TestPostgres
let reader: Reader
let database: string

beforeAll(async () => {
  server = await testPostgres()
  reader = testReader()
  database = await server.createDatabase()
})
afterAll(async () => {
  await reader.close()
  await server.stop()
})

describe.each(ROADS)('by %s', (road) => {
  it('a cursor whose text the server orders otherwise is refused, described and read', async () => {
    await server.query(
      database,
      `DO $$ BEGIN CREATE TYPE mood AS ENUM ('sad', 'glad'); EXCEPTION WHEN duplicate_object THEN NULL; END $$;
       CREATE TABLE IF NOT EXISTS ordered (id int4, n numeric, x xid8, lsn pg_lsn, m mood, tz timetz, ip inet, i text COLLATE "en-x-icu", v varchar(9) COLLATE "und-x-icu",
         d text, c text COLLATE "C", p char(3) COLLATE "POSIX", b text COLLATE ucs_basic, u uuid, dec numeric(20,3))`,
    )
    const run = testRun(server, database, reader, { road })
    const request = { method: 'table', table: 'ordered' } as const
    const types = await run.source.describe({ dataset: 'd', request }, run.ctx)
    for (const [column, type] of Object.entries({
      ...{ n: 'numeric', x: 'xid8', lsn: 'pg_lsn', m: 'mood', tz: 'time with time zone', ip: 'inet' },
      ...{ i: 'text under the collation "en-x-icu"', v: 'character varying(9) under the collation "und-x-icu"' },
    })) {
      const refused = {
        exitCode: 2,
        place: { column },
        message: expect.stringContaining(`"${column}" of public.ordered cannot be a cursor: it is ${type} at`),
      }
      expect(await errorOf(run.source.describe({ dataset: 'd', request, cursor: { column } }, run.ctx))).toMatchObject(refused)
      const columns = { [column]: types[column] ?? '' }
      for (const from of [{}, { from: '1' }])
        expect(await errorOf(run.land(request, { columns, cursor: { column, ...from }, kind: { by: 'cursor', column } }))).toMatchObject(
          refused,
        )
    }
    for (const column of ['d', 'c', 'p', 'b', 'u', 'dec', 'id']) {
      await run.source.describe({ dataset: 'd', request, cursor: { column } }, run.ctx)
      const columns = { [column]: types[column] ?? '' }
      expect((await run.land(request, { columns, cursor: { column }, kind: { by: 'cursor', column } })).rows).toBe(0)
    }
    // A type that has the order, or a query that gives the column one.
    await run.source.describe({ dataset: 'd', request, cursor: { column: 'n', type: 'decimal(38,9)' } }, run.ctx)
    const sql = 'SELECT i COLLATE "C" AS i FROM ordered'
    await run.source.describe({ dataset: 'd', request: { method: 'query', sql }, cursor: { column: 'i' } }, run.ctx)
    await run.close()
  })

  it('uuids have one order, on the server and where they land', async () => {
    await server.query(
      database,
      `CREATE TABLE IF NOT EXISTS named AS SELECT (lpad(to_hex(i), 2, '0') || '000000-0000-4000-8000-' || lpad(to_hex(255 - i), 12, '0'))::uuid AS id FROM generate_series(0, 255, 5) AS i`,
    )
    const sorted = (await server.query(database, 'SELECT id FROM named ORDER BY id')).map(([id]) => id ?? '')
    const run = testRun(server, database, reader, { road })
    const request = { method: 'table', table: 'named' } as const
    expect((await valuesOf(await run.land(request), 't.id')).map(([id]) => id)).toEqual(sorted)
    const from = sorted[30] ?? ''
    expect((await run.land(request, { cursor: { column: 'id', from }, kind: { by: 'cursor', column: 'id' } })).rows).toBe(
      sorted.length - 30,
    )
    await run.close()
  })
})

it('a column that columns: only renames is the own one of the source', () => {
  expect(sourceColumn({}, 'at')).toBe('at')
  for (const [expression, column] of [
    ['t', 't'],
    [' "The ""t""" ', 'The "t"'],
    ['CAST(t AS DATE)', undefined],
    ["'t'", undefined],
  ] as const)
    expect(sourceColumn({ expressions: { at: expression } }, 'at')).toBe(column)
})
