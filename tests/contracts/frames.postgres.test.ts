import { afterAll, beforeAll } from 'vitest'
import { postgres } from '../../lib/connectors/postgres/index.ts'
import { type TestPostgres, testPostgres } from '../kit/postgres.ts'
import { framesContract } from './frames.ts'

let old: TestPostgres
let young: TestPostgres
beforeAll(async () => {
  ;[old, young] = await Promise.all([testPostgres({ version: 15 }), testPostgres({ version: 18, settings: ['max_connections=40'] })])
})
afterAll(() => Promise.all([old?.stop(), young?.stop()]))

const connection = ({ host, port, user, password }: TestPostgres, database: string) =>
  postgres({ host, port, user, password, database, retries: 0 })

framesContract('PostgreSQL 15 → 18', async () => {
  const [from, to] = [await old.createDatabase(), await young.createDatabase()]
  await old.query(from, 'CREATE TABLE copied (id int4, value text)')
  return {
    source: connection(old, from),
    request: { method: 'table', table: 'copied' },
    warehouse: connection(young, to),
    serve: async (rows, salt = '') => {
      await old.query(from, 'DELETE FROM copied')
      await old.query(from, `INSERT INTO copied SELECT i, rpad(md5(i || '${salt}'), 100, 'x') FROM generate_series(1, ${rows}) AS i`)
    },
    widen: async () => {
      // Sources that a test has opened hold their locks to its end.
      await old.query(
        from,
        'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
      )
      await old.query(from, 'ALTER TABLE copied ALTER COLUMN id TYPE int8')
    },
    table: async (name) => {
      if ((await young.query(to, 'SELECT 1 FROM pg_tables WHERE tablename = $1', [name])).length === 0) return []
      const rows = await young.query(
        to,
        `SELECT count(*), count(DISTINCT value), _partition, _load FROM "${name}" GROUP BY 3, 4 ORDER BY 3`,
      )
      return rows.map((row) => row.join('|'))
    },
  }
})
