import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { CheckError, ConfigError, OutrunError } from '../../lib/core/errors.ts'
import { forwardBetween, forwardServers } from '../connectors/postgres/forward-kit.ts'
import { failure } from '../connectors/postgres/warehouse-kit.ts'

const servers = forwardServers()

const setup = () => forwardBetween(servers.old, servers.young)

describe('a second run', () => {
  const make = 'CREATE TABLE t AS SELECT i AS id, md5(i::text) AS value FROM generate_series(1, 2000) AS i'

  it('commits nothing where the rows are the same, and everything where one is not', async () => {
    const { forward, source, warehouse, token } = await setup()
    await source(make)
    await forward({})
    const [first, before] = [await token('t'), await warehouse('SELECT xmin, id FROM t ORDER BY id LIMIT 3')]
    expect(await forward({}, { run: 'run-2' })).toMatchObject({ rows: 2000, removed: 0, unchanged: true })
    expect(await token('t')).toEqual(first)
    expect(await warehouse('SELECT xmin, id FROM t ORDER BY id LIMIT 3')).toEqual(before)
    expect(await forward({}, { force: true })).toMatchObject({ removed: 2000, unchanged: false })
    await source("UPDATE t SET value = 'new' WHERE id = 7")
    expect(await forward({})).toMatchObject({ rows: 2000, removed: 2000, unchanged: false })
    expect(await warehouse('SELECT value FROM t WHERE id = 7')).toEqual(['new'])
    expect(await token('t')).not.toEqual(first)
  })

  it('finds rows that the first one has written as old ones', async () => {
    const { forward, source, warehouse } = await setup()
    await source(make)
    await forward({})
    const pages = () => warehouse("SELECT relpages > 9, 2 * relallvisible > relpages FROM pg_class WHERE relname = 't'")
    expect(await pages()).toEqual(['t|t'])
    await source('UPDATE t SET id = -id')
    await forward({})
    expect(await pages()).toEqual(['t|f'])
  })

  it('adds a column that is new, and refuses one of another type, or that is gone, leaving the rows', async () => {
    const { forward, source, warehouse } = await setup()
    await source(make)
    await forward({})
    await source('ALTER TABLE t ADD COLUMN more numeric(7,3) DEFAULT 1.5')
    expect(await forward({})).toMatchObject({ added: ['more'], removed: 2000 })
    expect(await warehouse('SELECT DISTINCT more FROM t')).toEqual(['1.500'])
    await source('ALTER TABLE t ALTER COLUMN id TYPE bigint')
    const declared = { id: 'int32', value: 'text', more: 'decimal(7,3)' }
    const source1 = await failure(forward({}, { columns: declared }), CheckError)
    expect(source1.message).toBe('column "id" of public.t is bigint, which is int64, and int32 in schema.ts; frames are not cast')
    const types = await failure(forward({}, { columns: { ...declared, id: 'int64' } }), ConfigError)
    expect(types.message).toBe('table "t" does not fit the dataset: column "id" is integer there and bigint in the dataset')
    const gone = await failure(forward({}, { columns: { value: 'text', more: 'decimal(7,3)' } }), ConfigError)
    expect(gone.message).toBe('table "t" does not fit the dataset: column "id" (integer) is not in the dataset any more')
    expect(await warehouse('SELECT count(*), max(id) FROM t')).toEqual(['2000|2000'])
  })

  it('goes into a table that other loads have made, grants and views kept', async () => {
    const { forward, source, warehouse } = await setup()
    await source(make)
    await warehouse('CREATE TABLE t (value text, id integer, _partition text, _load text); CREATE VIEW v AS SELECT count(*) FROM t')
    await forward({})
    expect(await warehouse('SELECT * FROM v')).toEqual(['2000'])
    expect(await warehouse('SELECT DISTINCT _partition, _load FROM t')).toEqual(['|abcdef012345'])
    await warehouse('CREATE TABLE other (id integer, value text)')
    const error = await failure(forward({}, { into: 'other' }), ConfigError)
    expect(error.message).toMatch(/was not made by millrace/)
  })

  it('is refused where rows would follow those of a partition, and leaves tables that inherit alone', async () => {
    const { forward, source, warehouse } = await setup()
    await source('CREATE TABLE t AS SELECT 1 AS id; CREATE TABLE p AS SELECT 1 AS id')
    await forward({})
    await warehouse("CREATE TABLE heir () INHERITS (t); INSERT INTO heir VALUES (1, 'theirs', 'x')")
    await source('INSERT INTO t VALUES (2)')
    expect(await forward({})).toMatchObject({ rows: 2, removed: 1 })
    expect(await warehouse('SELECT * FROM heir')).toEqual(['1|theirs|x'])
    await warehouse(
      `CREATE TABLE p (id int, _partition text, _load text) PARTITION BY RANGE (id); CREATE TABLE p_all PARTITION OF p (PRIMARY KEY (id)) DEFAULT;
       CREATE TABLE fact (p_id int CONSTRAINT of_part REFERENCES p_all (id) ON DELETE CASCADE)`,
    )
    const error = await failure(forward({ table: 'p' }), ConfigError)
    expect(error.message).toBe('replace of "p" would delete or change rows of fact by its constraint of_part')
  })

  it('fails where a trigger keeps rows, or leaves some out', async () => {
    const { forward, source, warehouse } = await setup()
    await source('CREATE TABLE t AS SELECT 1 AS id')
    await forward({})
    await warehouse("CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'")
    await source('INSERT INTO t VALUES (2)')
    for (const [event, message] of [
      ['DELETE', '"t" still has rows that were deleted from it: trigger keep of t keeps rows from being written as they are'],
      ['INSERT', '"t" took 0 rows of 2: trigger keep of t keeps rows from being written as they are'],
    ] as const) {
      await warehouse(`CREATE TRIGGER keep BEFORE ${event} ON t FOR EACH ROW EXECUTE FUNCTION nothing()`)
      expect((await failure(forward({}), ConfigError)).message).toBe(message)
      await warehouse('DROP TRIGGER keep ON t')
    }
    expect(await warehouse('SELECT id FROM t')).toEqual(['1'])
  })

  it('is outrun by another one', async () => {
    const { forward, source, token } = await setup()
    await source(make)
    await forward({})
    const stale = await token('t')
    await source('DELETE FROM t WHERE id = 1')
    await forward({})
    await failure(forward({}, { ...(stale && { expected: stale }) }), OutrunError)
  })
})

describe('windows', () => {
  const march = { start: new Date('2024-03-30T23:00:00Z'), end: new Date('2024-03-31T22:00:00Z') }

  it('are cut exactly, also where clocks change, and replace their own rows alone', async () => {
    const { forward, source, warehouse } = await setup()
    await source(
      "CREATE TABLE t AS SELECT '2024-03-30 00:00:00'::timestamp + i * interval '30 min' AS at, i AS id FROM generate_series(0, 143) AS i",
    )
    const window = { column: 'at', ...march }
    const sunday = { window, partition: '2024-03-31', zone: 'Europe/Berlin' }
    expect(await forward({}, sunday)).toMatchObject({ rows: 48 })
    expect(await warehouse('SELECT min(at), max(at), min(_partition) FROM t')).toEqual([
      '2024-03-31 00:00:00|2024-03-31 23:30:00|2024-03-31',
    ])
    const monday = { column: 'at', start: march.end, end: new Date('2024-04-01T22:00:00Z') }
    expect(await forward({}, { ...sunday, window: monday, partition: '2024-04-01' })).toMatchObject({ rows: 48, removed: 0 })
    await source('DELETE FROM t WHERE id = 50')
    expect(await forward({}, sunday)).toMatchObject({ rows: 47, removed: 48 })
    expect(await warehouse('SELECT _partition, count(*) FROM t GROUP BY 1 ORDER BY 1')).toEqual(['2024-03-31|47', '2024-04-01|48'])
    expect(await warehouse("SELECT indexdef FROM pg_indexes WHERE tablename = 't'")).toEqual([expect.stringContaining('(_partition)')])
  })

  it('of instants and of days, empty ones too', async () => {
    const { forward, source, warehouse } = await setup()
    await source(
      "CREATE TABLE t AS SELECT '2024-01-01 00:00:00+00'::timestamptz + i * interval '1 hour' AS at, '2024-01-01'::date + i AS day FROM generate_series(0, 47) AS i",
    )
    const window = { start: new Date('2024-01-01T23:00:00Z'), end: new Date('2024-01-02T23:00:00Z') }
    const options = { partition: 'p', zone: 'Europe/Berlin' }
    expect(await forward({}, { ...options, window: { column: 'at', ...window } })).toMatchObject({ rows: 24 })
    expect(await forward({}, { ...options, window: { column: 'day', ...window }, into: 'days' })).toMatchObject({ rows: 1 })
    expect(await warehouse('SELECT day FROM days')).toEqual(['2024-01-02'])
    const never = { column: 'at', start: new Date('2030-01-01T00:00:00Z'), end: new Date('2030-01-02T00:00:00Z') }
    expect(await forward({}, { ...options, window: never, partition: 'q' })).toMatchObject({ rows: 0, removed: 0 })
  })
})

it('readers of the table never wait, nor see it empty', async () => {
  const { forward, source, to } = await setup()
  await source('CREATE TABLE t AS SELECT i AS id FROM generate_series(1, 50000) AS i')
  await forward({})
  const reader = await servers.young.client(to)
  let [reading, counts] = [true, new Set<string>()]
  const read = (async () => {
    await reader.query("SET statement_timeout = '2s'")
    while (reading) counts.add((await reader.query('SELECT count(*) FROM t')).rows[0].count)
  })()
  await source('UPDATE t SET id = id + 1')
  await forward({}, { run: randomUUID() })
  reading = false
  await read
  await reader.end()
  expect([...counts]).toEqual(['50000'])
})
