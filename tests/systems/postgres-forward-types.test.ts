import { describe, expect, it } from 'vitest'
import { CheckError, ConfigError } from '../../lib/core/errors.ts'
import { forwardBetween, forwardServers } from '../connectors/postgres/forward-kit.ts'
import { failure } from '../connectors/postgres/warehouse-kit.ts'

const servers = forwardServers()

const setup = () => forwardBetween(servers.old, servers.young)

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
    const { forward, source } = await forwardBetween(servers.young, servers.old)
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
