import { afterAll, beforeAll, expect, test } from 'vitest'
import { ConfigError } from '../../../lib/core/errors.ts'
import { type TestPostgres, testPostgres } from '../../kit/postgres.ts'
import { failure, merge, replace, replacePartition, warehouseOn } from './warehouse-kit.ts'

let server: TestPostgres
beforeAll(async () => {
  server = await testPostgres({ version: 15 })
})
afterAll(() => server.stop())

const ROWS = "SELECT range AS id, 'a' || range AS value FROM range(10)"
const OWN = '_partition text, _load text'

/** A table in two partitions by `id`, of which one has partitions of its own; a table that references the inmost. */
const PARTED = `CREATE TABLE dim (id bigint, value text, ${OWN}) PARTITION BY RANGE (id);
  CREATE TABLE dim_low PARTITION OF dim FOR VALUES FROM (0) TO (100) PARTITION BY RANGE (id);
  CREATE TABLE dim_lowest PARTITION OF dim_low (PRIMARY KEY (id)) FOR VALUES FROM (0) TO (50);
  CREATE TABLE dim_rest PARTITION OF dim DEFAULT;`

test.each(['CASCADE', 'SET NULL', 'SET DEFAULT'])(
  'load refuses to replace rows of a partition that others would follow by ON DELETE %s',
  async (action) => {
    const { load, rows, database } = await warehouseOn(server)
    await server.query(database, PARTED)
    await load('dim', replace, ROWS)
    await server.query(
      database,
      `CREATE TABLE fact (dim_id bigint CONSTRAINT of_part REFERENCES dim_lowest (id) ON DELETE ${action}); INSERT INTO fact SELECT id FROM dim`,
    )
    for (const disposition of [replace, replacePartition]) {
      const error = await failure(load('dim', disposition, ROWS), ConfigError)
      expect(error.message).toBe(`${disposition.mode} of "dim" would delete or change rows of fact by its constraint of_part`)
    }
    expect(await load('dim', merge, "SELECT range AS id, 'b' AS value FROM range(5, 15)")).toMatchObject({ rows: 10, removed: 5 })
    expect(await rows('SELECT count(*), count(dim_id) FROM fact')).toEqual(['10|10'])
    expect(await rows("SELECT count(*), count(*) FILTER (WHERE value = 'b') FROM dim")).toEqual(['15|10'])
  },
)

test('load names a reference to a partitioned table by the name that it was declared by', async () => {
  const { load, database } = await warehouseOn(server)
  await server.query(
    database,
    `CREATE TABLE dim (id bigint PRIMARY KEY, value text, ${OWN}) PARTITION BY RANGE (id); CREATE TABLE a_part PARTITION OF dim DEFAULT;
     CREATE TABLE fact (dim_id bigint CONSTRAINT of_dim REFERENCES dim (id) ON DELETE CASCADE)`,
  )
  const error = await failure(load('dim', replace, ROWS), ConfigError)
  expect(error.message).toBe('replace of "dim" would delete or change rows of fact by its constraint of_dim')
})

test('load leaves the rows of tables that inherit from the target alone, and what references them', async () => {
  const { load, rows, database } = await warehouseOn(server)
  await load('base', replacePartition, ROWS)
  await server.query(
    database,
    `CREATE TABLE heir (PRIMARY KEY (id)) INHERITS (base); INSERT INTO heir VALUES (1, 'theirs', '', 'x'), (99, 'theirs', '', 'x');
     CREATE TABLE fact (heir_id bigint REFERENCES heir (id) ON DELETE CASCADE); INSERT INTO fact VALUES (1), (99)`,
  )
  const theirs = async () => [
    await rows('SELECT id, value, _load FROM heir ORDER BY id'),
    await rows('SELECT heir_id FROM fact ORDER BY 1'),
  ]
  const before = await theirs()
  expect(before).toEqual([
    ['1|theirs|x', '99|theirs|x'],
    ['1', '99'],
  ])
  expect(await load('base', replacePartition, ROWS)).toMatchObject({ rows: 10, removed: 10 })
  expect(await load('base', replace, ROWS)).toMatchObject({ rows: 10, removed: 10 })
  expect(await load('base', merge, "SELECT range AS id, 'm' AS value FROM range(8, 12)")).toMatchObject({ rows: 4, removed: 2 })
  expect(await theirs()).toEqual(before)
  // In place, too.
  await server.query(database, 'ALTER TABLE base ADD PRIMARY KEY (id); CREATE TABLE other (base_id bigint REFERENCES base (id))')
  expect(await load('base', merge, "SELECT 1 AS id, 'n' AS value UNION ALL SELECT 99, 'n'")).toMatchObject({ rows: 2, removed: 1 })
  expect(await theirs()).toEqual(before)
  expect(await rows('SELECT count(*) FROM ONLY base')).toEqual(['13'])
})

test('load refuses to merge rows that could leave a partition whose rows others would follow', async () => {
  const { load, rows, database } = await warehouseOn(server)
  await server.query(
    database,
    `CREATE TABLE dim (id bigint, value text, ${OWN}) PARTITION BY LIST (value); CREATE TABLE dim_a PARTITION OF dim (PRIMARY KEY (id)) FOR VALUES IN ('a');
     CREATE TABLE dim_b PARTITION OF dim DEFAULT; INSERT INTO dim VALUES (1, 'a', '', 'x');
     CREATE TABLE fact (dim_id bigint CONSTRAINT of_a REFERENCES dim_a (id) ON DELETE CASCADE); INSERT INTO fact VALUES (1)`,
  )
  const error = await failure(load('dim', merge, "SELECT 1 AS id, 'b' AS value"), ConfigError)
  expect(error.message).toBe('merge into "dim" could delete or change rows of fact by its constraint of_a')
  expect(await rows('SELECT dim_id FROM fact')).toEqual(['1'])
})
