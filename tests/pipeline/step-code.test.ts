import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type DuckDB, openDuckDB } from '../../lib/engines/duckdb.ts'
import { sqlMeaning } from '../../lib/pipeline/define/step-code.ts'
import { sqlTokens } from '../../lib/transform/sql-text.ts'

let db: DuckDB
beforeAll(async () => {
  db = await openDuckDB({ memoryBytes: 256 * 2 ** 20, threads: 1, temp: '/tmp/millrace-never-spills' })
})
afterAll(() => db.close())

const statements = [
  `SELECT s.store_id, date_trunc('day', payment_date) AS day, sum(amount) FILTER (WHERE amount > 0) AS "Total Amount" FROM payment AS p LEFT JOIN staff s USING (staff_id) WHERE payment_date >= $start AND note NOT LIKE '-- no /* comment' GROUP BY ALL ORDER BY 1 DESC NULLS LAST`,
  `WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT n, CASE WHEN n IN (1, 2) THEN 'x''y' ELSE E'a\\n' END AS t, $$dollar 'quoted'$$ AS d FROM r`,
  `FROM t SELECT list_transform(a, lambda x: x + 1) AS l, CAST(b AS DECIMAL(5, 2)) AS b, row_number() OVER (PARTITION BY c ORDER BY d ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS n QUALIFY n = 1`,
]
const KEYWORDS =
  /^(select|from|where|as|left|join|using|filter|and|not|like|group|by|all|order|desc|nulls|last|with|recursive|union|case|when|in|then|else|end|cast|decimal|over|partition|rows|between|preceding|current|row|qualify|lambda)$/i

/** The statement's tokens with other spacing, comments and cases of its keywords between them. */
const written = (sql: string) => {
  const tokens = sqlTokens(sql)
  const gap = fc.constantFrom(' ', '\n', '\t ', ' -- why\n', ' /* a /* nested */ one */ ', "\n--'\n")
  const turn = fc.constantFrom(
    (text: string) => text,
    (text: string) => text.toLowerCase(),
    (text: string) => text.toUpperCase(),
  )
  return fc.array(fc.tuple(gap, turn), { minLength: tokens.length, maxLength: tokens.length }).map((ways) =>
    tokens
      .map(({ kind, text, start }, i) => {
        const { start: before = -2, text: last = '' } = tokens[i - 1] ?? {}
        const [space = '', turned = (same: string) => same] = ways[i] ?? []
        return `${before + last.length === start ? '' : space}${kind === 'word' && KEYWORDS.test(text) ? turned(text) : text}`
      })
      .join(''),
  )
}

test.for(statements)('sqlMeaning is the same however %s is written', async (sql) => {
  const meaning = await sqlMeaning(sql, db)
  await fc.assert(
    fc.asyncProperty(written(sql), async (text) => {
      expect(await sqlMeaning(text, db)).toBe(meaning)
    }),
    { numRuns: 60 },
  )
})

const others: [what: string, one: string, other: string][] = [
  ['a text', `SELECT 'a' AS x`, `SELECT 'A' AS x`],
  ['the spacing of a text', `SELECT 'a b' AS x`, `SELECT 'a  b' AS x`],
  ['the case of a name', 'SELECT Total FROM t', 'SELECT total FROM t'],
  ['what looks like a comment in a name', 'SELECT "a -- b" FROM t', 'SELECT "a -- c" FROM t'],
  ['a number', 'SELECT 1 AS x', 'SELECT 1.0 AS x'],
  ['the order of columns', 'SELECT a, b FROM t', 'SELECT b, a FROM t'],
  ['a parameter', 'SELECT $start AS x', 'SELECT $end AS x'],
]
test.for(others)('sqlMeaning knows %s apart', async ([, one, other]) => {
  expect(await sqlMeaning(one, db)).not.toBe(await sqlMeaning(other, db))
})

test('sqlMeaning takes what the parser does not give back by its tokens', async () => {
  const [one, other] = ['COPY t TO  /* there */ "x.csv"', 'COPY t TO "x.csv" -- now']
  expect(await sqlMeaning(one, db)).toBe(await sqlMeaning(other, db))
  expect(await sqlMeaning(one, db)).not.toBe(await sqlMeaning('COPY t TO "y.csv"', db))
})
