import { afterAll, expect, test } from 'vitest'
import { parseSelect } from '../../lib/transform/sql-tree.ts'
import { isOrdered, suspectsOf } from '../../lib/transform/suspects.ts'
import { connectToTestEngine } from '../kit/engine.ts'

const db = await connectToTestEngine()
afterAll(() => db.close())

const suspects = async (sql: string, ...columns: readonly string[]) =>
  suspectsOf(await parseSelect(db, sql), columns).map(({ kind, column, what }) => `${kind} ${column ?? '-'}: ${what.split(/[:;]/)[0]}`)

test.each<[string, readonly string[], readonly string[]]>([
  ['SELECT a, sum(b) FROM t GROUP BY a', ['a', 's'], []],
  ["SELECT string_agg(a, ',' ORDER BY id) AS s FROM t", ['s'], ['ties s: string_agg(… ORDER BY id)']],
  ["SELECT string_agg(a, ',') AS s FROM t", ['s'], ['order s: string_agg() without ORDER BY joins rows as they come by']],
  ['SELECT any_value(a) AS s, 1 AS n FROM t', ['s', 'n'], ['order s: any_value() without ORDER BY takes the row that comes by']],
  ['SELECT now() AS a, b FROM t', ['a', 'b'], ['clock a: now() reads the clock']],
  ['SELECT b FROM t WHERE day < current_date', ['b'], ['clock -: current_date() reads the clock']],
  ['SELECT age(born) AS a, age(x, y) AS b FROM t', ['a', 'b'], ['clock a: age() reads the clock']],
  ['SELECT *, random() AS lot FROM t', ['b', 'lot'], ['random lot: random() gives another value each time']],
  ['WITH c AS (SELECT gen_random_uuid() AS u) SELECT u FROM c', ['u'], ['random -: gen_random_uuid() gives another value each time']],
  ['SELECT row_number() OVER (PARTITION BY a ORDER BY b, c + 1) AS n FROM t', ['n'], ['ties n: row_number() OVER (… ORDER BY b, …)']],
  ['SELECT rank() OVER (ORDER BY b) AS n, sum(b) OVER (ORDER BY b) AS s FROM t', ['n', 's'], []],
  ['SELECT row_number() OVER () AS n FROM t', ['n'], ['order n: row_number() OVER a window without ORDER BY takes rows as they come by']],
  ['SELECT b FROM t ORDER BY a LIMIT 3', ['b'], ['ties -: ORDER BY a']],
  ['SELECT b FROM t LIMIT 3', ['b'], ['order -: LIMIT without ORDER BY takes the rows that come by']],
  ['SELECT arg_max(a, b) AS m FROM t', ['m'], ['order m: arg_max() without ORDER BY takes any of the rows that tie']],
  ['SELECT mode(a) AS m FROM t', ['m'], ['ties m: mode() takes any of the rows that tie']],
  ['SELECT sum(a) OVER (ORDER BY b ROWS UNBOUNDED PRECEDING) AS m FROM t', ['m'], ['ties m: sum() OVER (… ORDER BY b)']],
  ['SELECT approx_quantile(a, 0.5) AS m FROM t', ['m'], ['order m: approx_quantile() goes by the order in which rows come']],
  ['SELECT b FROM t USING SAMPLE 10%', ['b'], ['random -: a sample without REPEATABLE takes other rows']],
  ['SELECT "random" FROM t WHERE note = \'now()\' -- now()', ['random'], []],
])('suspectsOf %s', async (sql, columns, expected) => expect(await suspects(sql, ...columns)).toEqual(expected))

test('isOrdered sees a final ORDER BY, not one beneath', async () => {
  const ordered = async (sql: string) => isOrdered(await parseSelect(db, sql))
  expect(await ordered('SELECT a FROM t ORDER BY a')).toBe(true)
  expect(await ordered('SELECT a FROM t UNION ALL SELECT a FROM u ORDER BY a')).toBe(true)
  expect(await ordered('SELECT a FROM (SELECT a FROM t ORDER BY a)')).toBe(false)
})
