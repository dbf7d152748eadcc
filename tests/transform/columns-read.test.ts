import { afterAll, beforeAll, expect, test } from 'vitest'
import { type DuckDB, openDuckDB } from '../../lib/engines/duckdb.ts'
import { columnsRead } from '../../lib/transform/columns-read.ts'
import { parseSelect } from '../../lib/transform/sql-tree.ts'

let db: DuckDB
beforeAll(async () => {
  db = await openDuckDB({ memoryBytes: 256 * 2 ** 20, threads: 1, temp: '/tmp/millrace-never-spills' })
})
afterAll(() => db.close())

const columns = { id: 'int64', Amount: 'int64', note: 'text', day: 'date', box: 'struct(w int64)' }

const named: [sql: string, read: string[]][] = [
  ['SELECT id, amount FROM t WHERE day > $start', ['id', 'Amount', 'day']],
  ['SELECT count(*) FROM t', []],
  ['SELECT a.id FROM t AS a JOIN u USING (day)', ['id', 'day']],
  ['SELECT s.x FROM (SELECT amount AS x FROM t) AS s', ['Amount']],
  ['WITH c AS (SELECT id FROM t) SELECT id, row_number() OVER (ORDER BY id) AS n FROM c', ['id']],
  ['SELECT t.box.w FROM t QUALIFY row_number() OVER (PARTITION BY note) = 1', ['note', 'box']],
  ['SELECT id FROM t UNION BY NAME SELECT note AS id FROM t', ['id', 'note']],
  ['SELECT u.id FROM u WHERE EXISTS (SELECT 1 FROM t WHERE t.day = u.day)', ['id', 'day']],
  ['SELECT id AS "Note" FROM t GROUP BY ALL', ['id']],
]
test.for(named)('columnsRead names the columns that stand in %s', async ([sql, read]) => {
  expect(columnsRead(await parseSelect(db, sql), columns)).toEqual(read)
})

const whole = [
  'FROM t',
  'SELECT count(*) FROM (SELECT DISTINCT * FROM t)',
  'SELECT t.* EXCLUDE (id) FROM t',
  "SELECT COLUMNS('a.*') FROM t",
  'SELECT count(DISTINCT t) FROM t',
  'SELECT hash(x) FROM t AS x',
  'SELECT id FROM t NATURAL JOIN u',
  'SELECT a FROM t AS x(a, b)',
  'FROM (PIVOT t ON day IN (1, 2) USING sum(amount)) SELECT note',
  'FROM (UNPIVOT t ON id, amount INTO NAME n VALUE v) SELECT v',
  'SELECT customer.changes FROM customer.changes',
  'SELECT id FROM t ORDER BY ALL',
]
test.for(whole)('columnsRead knows that any column may count in %s', async (sql) => {
  expect(columnsRead(await parseSelect(db, sql), columns)).toBeUndefined()
})
