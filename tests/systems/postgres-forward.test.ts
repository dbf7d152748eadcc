import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CheckError, ConfigError, OutrunError } from '../../lib/core/errors.ts'
import { forwardBetween } from '../connectors/postgres/forward-kit.ts'
import { failure } from '../connectors/postgres/warehouse-kit.ts'
import { type TestPostgres, testPostgres } from '../kit/postgres.ts'

/** The source is the older server, the warehouse the newer one. */
let old: TestPostgres
let young: TestPostgres
beforeAll(async () => {
  ;[old, young] = await Promise.all([testPostgres({ version: 15 }), testPostgres({ version: 18, settings: ['max_connections=40'] })])
})
afterAll(() => Promise.all([old?.stop(), young?.stop()]))

const setup = ({ from = old, to = young }: { from?: TestPostgres; to?: TestPostgres } = {}) => forwardBetween(from, to)

/** A column of each built-in type, and values of it as the server writes them; NULL is added to each. */
const TYPES: readonly (readonly [type: string, ...values: string[]])[] = [
  ['boolean', 'true', 'false'],
  ['smallint', '-32768', '32767'],
  ['integer', '-2147483648', '2147483647'],
  ['bigint', '-9223372036854775808', '9223372036854775807'],
  ['oid', '4294967295', '0'],
  ['real', 'NaN', 'Infinity', '-0', '3.4028235e+38'],
  ['double precision', 'NaN', '-Infinity', '-0', '1e-300'],
  ['numeric', 'NaN', 'Infinity', '-Infinity', '12345678901234567890.12345678901234567890', '1e-400'],
  ['numeric(12,2)', '-9999999999.99', 'NaN', '0'],
  ['numeric(50,10)', '1234567890123456789012345678901234567890.0123456789'],
  ['numeric(5,-2)', '12300'],
  ['money', '-92233720368547758.08', '1.05'],
  ['text', '', 'ä€𝄞', '\\N', 'a\tb\nc\'d"', '\ufeffx'],
  ['character varying(5)', 'abcde', ''],
  ['character(5)', 'a    ', 'abcde'],
  ['"char"', 'x', ''],
  ['name', 'someone'],
  ['bytea', '\\x', '\\x00ff0d0a'],
  ['date', 'infinity', '-infinity', '4713-01-01 BC', '5874897-12-31'],
  ['time without time zone', '24:00:00', '00:00:00.000001'],
  ['time(2) without time zone', '12:34:56.78'],
  ['time with time zone', '23:59:59.999999+15:59'],
  ['timestamp without time zone', 'infinity', '4713-01-01 00:00:00 BC', '294276-12-31 23:59:59.999999'],
  ['timestamp with time zone', '-infinity', '2024-02-29 12:00:00.123456+05:30'],
  ['interval', '1 year -2 mons 3 days -04:05:06.789', '00:00:00.000001', '178000000 years'],
  ['interval day to second(3)', '3 days 04:05:06.789'],
  ['uuid', '00000000-0000-0000-0000-000000000000'],
  ['json', '{"b": 1,  "a": [null, "x"], "b": 2}'],
  ['jsonb', '{"a": [null, "x", 1.50]}'],
  ['jsonpath', '$."a"[*]?(@ > 1)'],
  ['xml', '<a>ä</a>'],
  ['inet', '192.168.0.1/24', '::1'],
  ['cidr', '10.0.0.0/8'],
  ['macaddr', '08:00:2b:01:02:03'],
  ['macaddr8', '08:00:2b:01:02:03:04:05'],
  ['bit(3)', '101'],
  ['bit varying', '', '10101'],
  ['point', '(1.5,-2)'],
  ['line', '{1,2,3}'],
  ['lseg', '[(0,0),(1,1)]'],
  ['box', '(1,1),(0,0)'],
  ['path', '((0,0),(1,1))', '[(0,0),(1,1)]'],
  ['polygon', '((0,0),(1,1),(2,0))'],
  ['circle', '<(0,0),5>'],
  ['tsvector', "'a':1A 'b':2"],
  ['tsquery', "'a' & !'b':*"],
  ['pg_lsn', '16/B374D848'],
  ['tid', '(5,7)'],
  ['xid', '4294967295'],
  ['xid8', '18446744073709551615'],
  ['txid_snapshot', '10:20:10,14'],
  ['pg_snapshot', '10:20:10,14'],
  ['int4range', '[1,5)', 'empty', '(,)'],
  ['int8range', '[1,)'],
  ['numrange', '(1.1,2.2]'],
  ['tsrange', '["2024-01-01 00:00:00",)'],
  ['tstzrange', '(,"2024-01-01 00:00:00+00"]'],
  ['daterange', '[2024-01-01,2024-02-01)'],
  ['int4multirange', '{[1,3),[5,8)}', '{}'],
  ['datemultirange', '{[2024-01-01,2024-02-01)}'],
  ['integer[]', '{1,NULL,3}', '{{1,2},{3,4}}', '[0:1]={5,6}', '{}'],
  ['text[]', '{"a,b",NULL,"NULL",""}'],
  ['numeric(9,3)[]', '{1.500,NaN}'],
  ['character(3)[]', '{"a  ",bcd}'],
  ['timestamp with time zone[]', '{"2024-01-01 00:00:00+00"}'],
  ['jsonb[]', '{"{\\"a\\": 1}"}'],
  ['int4range[]', '{"[1,3)"}'],
  ['integer[][]', '{{1,2},{3,4}}'],
]

describe('values', () => {
  it('of every built-in type arrive as they are, with their types', async () => {
    const { forward, source, warehouse } = await setup()
    await source(`CREATE TABLE t (id int, ${TYPES.map(([type], i) => `c${i} ${type}`).join(', ')})`)
    for (const [i, [type, ...values]] of TYPES.entries())
      for (const value of values) await source(`INSERT INTO t (id, c${i}) VALUES (${i}, '${value.replaceAll("'", "''")}'::${type})`)
    const total = TYPES.reduce((sum, [, ...values]) => sum + values.length, 0)

    expect(await forward({})).toMatchObject({ rows: total, removed: 0, added: [], unchanged: false })

    const all = `SELECT t.id, ${TYPES.map((_, i) => `t.c${i}::text`).join(', ')} FROM t ORDER BY ${TYPES.map((_, i) => `c${i}::text COLLATE "C" NULLS FIRST`).join(', ')}`
    const SET = "SET TimeZone = 'UTC'; SET extra_float_digits = 1; "
    expect(await warehouse(SET + all)).toEqual(await source(SET + all))
    const types =
      "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 0 AND attname NOT LIKE '\\_%' ORDER BY attnum"
    expect(await warehouse(types)).toEqual(await source(types))
    expect(await warehouse('SELECT DISTINCT _partition, _load FROM t')).toEqual(['|abcdef012345'])
  })

  it('of own types arrive where the warehouse has the type, and nowhere else', async () => {
    const { forward, source, warehouse } = await setup()
    await source("CREATE TYPE mood AS ENUM ('sad', 'glad')")
    await source('CREATE DOMAIN short AS varchar(3)')
    await source("CREATE TABLE t AS SELECT 'glad'::mood AS m, 'abc'::short AS s")
    const missing = await failure(forward({}), ConfigError)
    expect(missing.message).toMatch(/^column "m" of public\.t of .* is mood, a type that the warehouse does not have$/)
    expect(missing.hint).toBe('make it there by the same name, with the same values; or leave `forward` away')
    await warehouse("CREATE TYPE mood AS ENUM ('glad', 'mad')")
    await forward({})
    expect(await warehouse('SELECT m, s, pg_typeof(s) FROM t')).toEqual(['glad|abc|character varying'])
    await source("INSERT INTO t VALUES ('sad', 'x')")
    const unknown = await failure(forward({}), CheckError)
    expect(unknown.message).toContain('invalid input value for enum mood: "sad"')
    expect(await warehouse('SELECT m FROM t')).toEqual(['glad'])
    await source("DELETE FROM t WHERE m = 'sad'; CREATE SCHEMA far; CREATE TYPE far.size AS ENUM ('big'); ALTER TABLE t ADD z far.size")
    const added = await failure(forward({}), ConfigError)
    expect(added.message).toMatch(/^column "z" of .* is far\.size, a type that the warehouse does not have$/)
  })

  it.each([
    ['an array of an own type', "CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE t AS SELECT '{sad}'::mood[] AS c", 'mood[]'],
    ['a composite', 'CREATE TYPE pair AS (a int, b text); CREATE TABLE t (c pair)', 'pair'],
    ['a name of the catalog', "CREATE TABLE t AS SELECT 'pg_class'::regclass AS c", 'regclass'],
  ])('that mean something else on another server are refused: %s', async (_what, make, type) => {
    const { forward, source } = await setup()
    await source(make)
    const error = await failure(forward({}), ConfigError)
    expect(error.message).toBe(`column "c" of public.t is ${type}, whose binary form holds numbers that only this server knows`)
  })

  it('that an older server would take for others are refused: an infinite interval', async () => {
    const { forward, source } = await setup({ from: young, to: old })
    await source("CREATE TABLE t AS SELECT 'infinity'::interval AS i")
    const error = await failure(forward({}), ConfigError)
    expect(error.message).toMatch(
      /^column "i" of public\.t of .* is an interval, which may be infinite there and not on this older server$/,
    )
  })

  it('come from views, partitioned tables and generated columns, and only those columns that are asked for', async () => {
    const { forward, source, warehouse } = await setup()
    await source('CREATE TABLE p (id int, twice int GENERATED ALWAYS AS (id * 2) STORED, secret text) PARTITION BY RANGE (id)')
    await source('CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10); CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20)')
    await source("INSERT INTO p (id, secret) SELECT i, 'x' FROM generate_series(8, 12) i")
    await source('CREATE VIEW "V w" AS SELECT id, twice FROM p WHERE id <> 9')
    await forward({ table: 'p' }, { columns: { twice: 'int32', id: 'int32' } })
    expect(await warehouse('SELECT * FROM p ORDER BY id')).toEqual([8, 9, 10, 11, 12].map((i) => `${2 * i}|${i}||abcdef012345`))
    await forward({ table: 'V w', where: 'id > 8' })
    expect(await warehouse('SELECT id FROM "V w" ORDER BY id')).toEqual(['10', '11', '12'])
  })
})

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
  const reader = await young.client(to)
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
