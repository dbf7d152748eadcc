import { afterAll, beforeAll, expect, test } from 'vitest'
import { CheckError, ConfigError } from '../../../lib/core/errors.ts'
import { testContext } from '../../kit/context.ts'
import { datasetOf } from '../../kit/dataset.ts'
import { type TestPostgres, testPostgres } from '../../kit/postgres.ts'
import { append, failure, merge, replace, replacePartition, warehouseOn } from './warehouse-kit.ts'

let server: TestPostgres
beforeAll(async () => {
  server = await testPostgres({ version: 18 })
})
afterAll(() => server.stop())

const ROWS = "SELECT range AS id, 'a' || range AS value FROM range(1000)"

test('load keeps what stands on a replaced table: grants, views, constraints, indexes, comments, owner', async () => {
  const { load, rows, database } = await warehouseOn(server)
  await load('dim', merge, ROWS)
  await server.query(
    database,
    `CREATE ROLE reader; CREATE ROLE keeper; GRANT SELECT ON dim TO reader; GRANT UPDATE (value) ON dim TO keeper;
     CREATE VIEW seen AS SELECT id, value FROM dim; CREATE MATERIALIZED VIEW kept AS SELECT count(*) AS n FROM dim;
     ALTER TABLE dim ADD CONSTRAINT small CHECK (id < 5000), ADD CONSTRAINT one_value UNIQUE (value);
     CREATE INDEX by_value ON dim (lower(value)) WITH (fillfactor = 70) WHERE id > 10; COMMENT ON INDEX by_value IS 'for searches';
     CREATE INDEX by_both ON dim (value DESC NULLS LAST) INCLUDE (id);
     COMMENT ON TABLE dim IS 'the dimension'; ALTER TABLE dim ALTER COLUMN value SET STATISTICS 500; ALTER TABLE dim OWNER TO keeper`,
  )
  const standing = () =>
    rows(
      `SELECT 'acl', relacl::text, pg_get_userbyid(relowner), obj_description(oid) FROM pg_class WHERE relname = 'dim'
       UNION ALL SELECT 'column', attname, attacl::text, attstattarget::text FROM pg_attribute WHERE attrelid = 'dim'::regclass AND attnum > 0
       UNION ALL SELECT 'constraint', conname, pg_get_constraintdef(oid), NULL FROM pg_constraint WHERE conrelid = 'dim'::regclass
       UNION ALL SELECT 'index', pg_get_indexdef(indexrelid), indisvalid::text, obj_description(indexrelid) FROM pg_index WHERE indrelid = 'dim'::regclass ORDER BY 1, 2`,
    )
  const oids = () => rows(`SELECT indexrelid::regclass, indexrelid FROM pg_index WHERE indrelid = 'dim'::regclass ORDER BY 1`)
  const [before, oidsBefore] = [await standing(), await oids()]
  expect(before.filter((row) => row.startsWith('index'))).toHaveLength(4)

  expect(await load('dim', replace, "SELECT range AS id, 'b' || range AS value FROM range(2000)")).toMatchObject({
    rows: 2000,
    removed: 1000,
  })
  expect(await standing()).toEqual(before)
  expect(await rows('SELECT count(*), min(value) FROM seen')).toEqual(['2000|b0'])
  expect(await rows('SET ROLE reader; SELECT count(*) FROM dim')).toEqual(['2000'])
  // Built after the load, they are others; those that constraints rest on stay.
  const changed = (await oids()).map((row, i) => [row.split('|')[0], row !== oidsBefore[i]])
  expect(Object.fromEntries(changed)).toEqual({ by_both: true, by_value: true, dim_pkey: false, one_value: false })

  await failure(load('dim', replace, 'SELECT 5000 AS id, NULL AS value'), CheckError)
  expect(await rows('SELECT count(*) FROM dim')).toEqual(['2000'])
  expect(await standing()).toEqual(before)
})

test('load keeps indexes up row by row where a reader has the table open, and says so', async () => {
  const { load, rows, database } = await warehouseOn(server, { lockTimeout: '1s' })
  await load('dim', replace, ROWS)
  await server.query(database, 'CREATE INDEX by_value ON dim (value)')
  const before = await rows("SELECT 'by_value'::regclass::oid")
  const reader = await server.client(database)
  try {
    await reader.query('BEGIN; SELECT count(*) FROM dim')
    const ctx = testContext()
    expect(await load('dim', replace, ROWS, { ctx })).toMatchObject({ rows: 1000, removed: 1000 })
    expect(ctx.events).toContainEqual(
      expect.objectContaining({ type: 'warning', message: expect.stringContaining('its indexes are kept up row by row') }),
    )
    expect((await reader.query('SELECT count(*)::int AS n FROM dim')).rows).toEqual([{ n: 1000 }])
  } finally {
    await reader.end()
  }
  expect(await rows("SELECT 'by_value'::regclass::oid")).toEqual(before)
  expect(await rows("SET enable_seqscan = off; SELECT id FROM dim WHERE value = 'a7'")).toEqual(['7'])
})

test('load gives a new table its key: the merge key as primary key, an index on _partition, and numbers for the planner', async () => {
  const { load, rows } = await warehouseOn(server)
  await load('merged', { mode: 'merge', key: ['value', 'id'] }, ROWS)
  await load('parted', replacePartition, ROWS, { partition: 'p' })
  await load('whole', replace, ROWS)
  const keys = (table: string) =>
    rows(`SELECT pg_get_indexdef(indexrelid), indisprimary FROM pg_index WHERE indrelid = '${table}'::regclass`)
  expect(await keys('merged')).toEqual(['CREATE UNIQUE INDEX merged_pkey ON public.merged USING btree (value, id)|t'])
  expect(await keys('parted')).toEqual(['CREATE INDEX parted__partition_idx ON public.parted USING btree (_partition)|f'])
  expect(await keys('whole')).toEqual([])
  expect(await rows("SELECT relname, reltuples FROM pg_class WHERE relname IN ('merged', 'parted', 'whole') ORDER BY 1")).toEqual([
    'merged|1000',
    'parted|1000',
    'whole|1000',
  ])
  expect(await rows("SELECT count(*) FROM pg_stats WHERE tablename = 'merged'")).toEqual(['4'])
})

test('load warns where ANALYZE fails, and has loaded', async () => {
  const { load, rows, database } = await warehouseOn(server)
  await load('slow', append, 'SELECT 1 AS id, NULL AS value')
  // An index on a function that fails when ANALYZE evaluates it, not when rows enter.
  await server.query(
    database,
    `CREATE FUNCTION sulk(bigint) RETURNS bigint IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN IF current_query() LIKE 'ANALYZE%' THEN RAISE 'no numbers today'; END IF; RETURN $1; END $$;
     CREATE INDEX ON slow (sulk(id))`,
  )
  const ctx = testContext()
  await load('slow', append, 'SELECT 2 AS id, NULL AS value', { ctx })
  expect(ctx.events).toContainEqual(
    expect.objectContaining({ type: 'warning', message: '"slow" is loaded, but ANALYZE failed: no numbers today' }),
  )
  expect(await rows('SELECT count(*) FROM slow')).toEqual(['2'])
})

test('load updates merged rows in place where other tables reference them', async () => {
  const { load, rows, database } = await warehouseOn(server)
  await load('dim', merge, ROWS)
  await server.query(
    database,
    'CREATE TABLE fact (dim_id bigint REFERENCES dim (id) ON DELETE CASCADE); INSERT INTO fact SELECT id FROM dim WHERE id < 10',
  )
  expect(await load('dim', merge, "SELECT range AS id, 'b' AS value FROM range(5, 1005)")).toEqual({
    rows: 1000,
    superseded: 0,
    removed: 995,
    added: [],
  })
  expect(await rows('SELECT count(*), count(DISTINCT f.dim_id) FROM fact f JOIN dim d ON d.id = f.dim_id')).toEqual(['10|10'])
  expect(await rows("SELECT count(*), count(*) FILTER (WHERE value = 'b') FROM dim")).toEqual(['1005|1000'])
})

test('load refuses to replace rows that others would follow, and passes on what a reference refuses', async () => {
  const { load, rows, database } = await warehouseOn(server)
  await load('dim', merge, ROWS)
  await server.query(
    database,
    'CREATE TABLE fact (dim_id bigint CONSTRAINT of_dim REFERENCES dim (id) ON DELETE CASCADE); INSERT INTO fact VALUES (3)',
  )
  const error = await failure(load('dim', replace, ROWS), ConfigError)
  expect(error.message).toBe('replace of "dim" would delete or change rows of fact by its constraint of_dim')
  await server.query(database, 'ALTER TABLE fact DROP CONSTRAINT of_dim, ADD CONSTRAINT of_dim FOREIGN KEY (dim_id) REFERENCES dim (id)')
  expect((await failure(load('dim', replace, ROWS), CheckError)).message).toMatch(/violates foreign key constraint "of_dim".*\(23503\)$/)
  await server.query(database, 'ALTER TABLE fact ALTER CONSTRAINT of_dim DEFERRABLE INITIALLY DEFERRED')
  expect(await load('dim', replace, ROWS)).toMatchObject({ rows: 1000, removed: 1000 })
  // A deferred constraint fails at COMMIT: nothing is there.
  const last = await failure(load('dim', replace, "SELECT 1 AS id, 'x' AS value"), CheckError)
  expect(last.message).toMatch(/\(23503\)$/)
  expect(await rows('SELECT count(*) FROM dim')).toEqual(['1000'])
})

test('load builds indexes again where deferred constraints have rows to look at', async () => {
  const { load, rows, database } = await warehouseOn(server)
  await load('dim', merge, ROWS)
  await server.query(
    database,
    `CREATE INDEX by_value ON dim (value); CREATE TABLE fact (id bigint REFERENCES dim DEFERRABLE INITIALLY DEFERRED); INSERT INTO fact VALUES (7)`,
  )
  expect(await load('dim', replace, `${ROWS} WHERE range < 10`)).toMatchObject({ rows: 10, removed: 1000 })
  const gone = await failure(load('dim', replace, `${ROWS} WHERE range < 7`), CheckError)
  expect(gone.message).toMatch(/violates foreign key constraint "fact_id_fkey"/)
  expect(await rows("SELECT count(*), to_regclass('by_value') FROM dim")).toEqual(['10|by_value'])
})

test('load lets values of a unique column change places in a merge, and refuses one that is taken', async () => {
  const { load, rows, database } = await warehouseOn(server)
  await load('users', merge, "SELECT 1 AS id, 'x' AS value UNION ALL SELECT 2, 'y' UNION ALL SELECT 3, 'z'")
  await server.query(database, 'ALTER TABLE users ADD CONSTRAINT one_value UNIQUE (value)')
  await load('users', merge, "SELECT 1 AS id, 'y' AS value UNION ALL SELECT 2, 'x'")
  expect(await rows('SELECT id, value FROM users ORDER BY id')).toEqual(['1|y', '2|x', '3|z'])
  const error = await failure(load('users', merge, "SELECT 4 AS id, 'z' AS value"), CheckError)
  expect(error.message).toMatch(
    /duplicate key value violates unique constraint "one_value"; Key \(value\)=\(z\) already exists.*\(23505\)$/,
  )
  expect(error.place).toMatchObject({ table: 'users', dataset: 'numbers' })
  expect(await rows('SELECT id, value FROM users ORDER BY id')).toEqual(['1|y', '2|x', '3|z'])
})

test('load compares text orders and partitions by their bytes, whatever the database’s collation', async () => {
  await server.query('postgres', "CREATE DATABASE icu TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en'")
  const { load, rows } = await warehouseOn(server, { database: 'icu' })
  const byValue = { ...merge, order: 'value' } as const
  await load('t', byValue, "SELECT 1 AS id, 'b' AS value")
  // In English 'B' comes after 'b', by its bytes before it.
  expect(await load('t', byValue, "SELECT 1 AS id, 'B' AS value")).toMatchObject({ rows: 0, superseded: 1 })
  await load('u', merge, "SELECT 1 AS id, 'lower' AS value", { partition: 'b' })
  expect(await load('u', merge, "SELECT 1 AS id, 'upper' AS value", { partition: 'B' })).toMatchObject({ superseded: 1 })
  expect(await rows('SELECT value FROM t UNION ALL SELECT value FROM u')).toEqual(['b', 'lower'])
})

test('load refuses names that PostgreSQL would cut, its own and the system’s', async () => {
  const { load } = await warehouseOn(server)
  const long = 'ä'.repeat(32)
  const refused = async (table: string, column = 'value') =>
    (await failure(load(table, replace, `SELECT 1 AS id, 'a' AS "${column}"`, { columns: { id: 'int64', [column]: 'text' } }), ConfigError))
      .message
  expect(await refused(long)).toBe(`table name "${long}" is longer than 63 bytes, which PostgreSQL would cut`)
  expect(await refused('t', long)).toBe(`column "${long}" of "t" is longer than 63 bytes, which PostgreSQL would cut`)
  expect(await refused('t', 'ctid')).toBe('column "ctid" of "t" has the name of a system column of PostgreSQL')
  expect(await refused('t', '_load')).toBe('column "_load" of "t" has the name of a column that the warehouse adds itself')
  expect(await refused('_millrace_tokens')).toBe('table "_millrace_tokens" is the warehouse\'s own')
  await load('ä'.repeat(31), replace, 'SELECT 1 AS "ID", \'a\' AS id', {
    columns: { id: 'text', ['ä'.repeat(30)]: 'int64' },
    dataset: await datasetOf(
      (await warehouseOn(server)).folder,
      'd',
      { id: 'text', ['ä'.repeat(30)]: 'int64' },
      `SELECT 'a' AS id, 1 AS "${'ä'.repeat(30)}"`,
    ),
  })
})

test('load refuses views, foreign tables and tables of others', async () => {
  const { load, warehouse, database } = await warehouseOn(server)
  await server.query(
    database,
    `CREATE VIEW v AS SELECT 1 AS id; CREATE TABLE theirs (id bigint, value text); CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w; CREATE FOREIGN TABLE f (id bigint) SERVER s`,
  )
  expect((await failure(load('v', replace, ROWS), ConfigError)).message).toBe('"v" is a view in the warehouse')
  expect((await failure(warehouse.describe('v', testContext()), ConfigError)).message).toBe('"v" is a view in the warehouse')
  expect((await failure(load('f', replace, ROWS), ConfigError)).message).toBe('"f" is a foreign table in the warehouse')
  expect((await failure(load('theirs', replace, ROWS), ConfigError)).message).toMatch(
    /^table "theirs" is in the warehouse but was not made by millrace/,
  )
})

test('load leaves generated columns to the server, and takes partitioned tables', async () => {
  const { load, rows, database } = await warehouseOn(server)
  await server.query(
    database,
    `CREATE TABLE made (id bigint, value text, twice bigint GENERATED ALWAYS AS (id * 2) STORED, _partition text, _load text) PARTITION BY LIST (_partition);
     CREATE TABLE made_1 PARTITION OF made FOR VALUES IN ('p1'); CREATE TABLE made_2 PARTITION OF made DEFAULT; CREATE INDEX ON made (value)`,
  )
  await load('made', replacePartition, ROWS, { partition: 'p1' })
  await load('made', replacePartition, ROWS, { partition: 'p2' })
  await load('made', replacePartition, "SELECT 4 AS id, 'x' AS value", { partition: 'p1' })
  expect(await rows('SELECT count(*), sum(twice) FROM made_1 UNION ALL SELECT count(*), sum(twice) FROM made_2')).toEqual([
    '1|8',
    '1000|999000',
  ])
})

test('load works with the least rights, and says which one is missing', async () => {
  const database = await server.createDatabase()
  await server.query(
    database,
    `CREATE ROLE loader LOGIN PASSWORD 'loader-secret'; REVOKE ALL ON DATABASE "${database}" FROM PUBLIC; GRANT CONNECT ON DATABASE "${database}" TO loader; CREATE SCHEMA mart`,
  )
  const as = { database, schema: 'mart', user: 'loader', password: 'loader-secret' }
  // The suite's own look at the tokens is made as the superuser.
  const { load, rows } = await warehouseOn(server, as)
  expect((await failure(load('t', merge, ROWS), ConfigError)).message).toMatch(/permission denied for schema mart \(42501\)$/)
  await server.query(database, 'GRANT USAGE, CREATE ON SCHEMA mart TO loader')
  await load('t', merge, ROWS)
  expect((await failure(load('t', merge, ROWS), ConfigError)).message).toMatch(/permission denied to create temporary tables.*\(42501\)$/)
  await server.query(database, `GRANT TEMPORARY ON DATABASE "${database}" TO loader`)
  expect(await load('t', merge, ROWS)).toMatchObject({ rows: 1000, removed: 1000 })
  await load('r', replace, ROWS)
  await load('r', replace, ROWS)
  expect(await rows('SELECT count(*), (SELECT count(*) FROM mart.r) FROM mart.t')).toEqual(['1000|1000'])
  await server.query(
    database,
    'ALTER TABLE mart.r OWNER TO postgres; GRANT SELECT, INSERT, DELETE ON mart.r TO loader; CREATE INDEX ON mart.r (value)',
  )
  const ctx = testContext()
  await load('r', replace, ROWS, { ctx })
  await server.query(database, 'ALTER TABLE mart.r ENABLE ROW LEVEL SECURITY; CREATE POLICY low ON mart.r USING (id < 10)')
  const hidden = await failure(load('r', replace, ROWS), ConfigError)
  expect(hidden.message).toMatch(/row-level security policy for table "r"/)
  expect(hidden.hint).toBe('its policies would hide rows: let a superuser say ALTER ROLE … BYPASSRLS of the role that asks')
  expect(await rows('SELECT count(*) FROM mart.r')).toEqual(['1000'])
})

test('load says what a table of PostgreSQL is too small for: columns, a row, a value in an index', async () => {
  const { load, rows, database } = await warehouseOn(server)
  const columns = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`c${i}`, 'int16']))
  const select = (count: number) => `SELECT ${Object.keys(columns(count)).map((name) => `1 AS ${name}`)}`
  const wide = await failure(load('wide', replace, select(1599), { columns: columns(1599) }), ConfigError)
  expect(wide.message).toMatch(/tables can have at most 1600 columns \(54011\)$/)
  expect(wide.hint).toBe('a table has at most 1,600 columns, _partition and _load among them: take fewer')
  await server.query(database, 'CREATE TABLE indexed (id bigint, value text, _partition text, _load text); CREATE INDEX ON indexed (value)')
  const long = await failure(
    load('indexed', replace, "SELECT 1 AS id, string_agg(md5(range::text), '') AS value FROM range(2000)"),
    CheckError,
  )
  expect(long.message).toMatch(/index row .* \(54000\)$/)
  expect(long.hint).toContain('or drop the index')
  expect(await rows('SELECT count(*) FROM indexed')).toEqual(['0'])
})
