import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { DuckDB } from '../../lib/engines/duckdb.ts'
import { parseSelect } from '../../lib/transform/sql-tree.ts'
import { unrepeatableParts } from '../../lib/transform/unrepeatable.ts'
import { connectToTestEngine } from '../kit/engine.ts'
import { CHECKOUT } from '../kit/project.ts'

let db: DuckDB
beforeAll(async () => {
  db = await connectToTestEngine()
})
afterAll(() => db.close())

const parts = async (text: string) => unrepeatableParts((await parseSelect(db, text)).root)

describe('unrepeatableParts names', () => {
  test.each([
    ['SELECT first(a) FROM t', /^first\(\) without ORDER BY takes the row that comes by/],
    ['SELECT any_value(a) FROM t GROUP BY b', /^any_value\(\) without ORDER BY/],
    ['SELECT max_by(a, b) FROM t', /^max_by\(\) without ORDER BY takes any of the rows that tie/],
    ["SELECT string_agg(a, ',') FROM t", /^string_agg\(\) without ORDER BY joins rows as they come by/],
    ['SELECT row_number() OVER () FROM t', /^row_number\(\) OVER a window without ORDER BY/],
    ['SELECT a FROM t QUALIFY row_number() OVER (PARTITION BY a) = 1', /^row_number\(\)/],
    ['SELECT row_number() OVER w FROM t WINDOW w AS (PARTITION BY a)', /^row_number\(\)/],
    ['WITH c AS (SELECT lag(a) OVER () AS b FROM t) SELECT * FROM c', /^lag\(\)/],
    ['SELECT sum(a) OVER (ROWS 2 PRECEDING) FROM t', /^sum\(\) OVER a window without ORDER BY/],
    ['SELECT approx_quantile(a, 0.5) FROM t', /^approx_quantile\(\) goes by the order in which rows come; .*: write quantile_cont\(\)$/],
    ['SELECT a FROM t LIMIT 3', /^LIMIT without ORDER BY/],
    ['SELECT a FROM t OFFSET 3', /^LIMIT without ORDER BY/],
    ['SELECT a FROM t LIMIT 10%', /^LIMIT without ORDER BY/],
    ['SELECT a FROM t LIMIT $most', /^LIMIT without ORDER BY/],
    ['SELECT a FROM t UNION ALL SELECT b FROM u LIMIT 2', /^LIMIT without ORDER BY/],
    ['SELECT a FROM t WHERE b IN (SELECT b FROM u LIMIT 2)', /^LIMIT without ORDER BY/],
    ['SELECT DISTINCT ON (a) a, b FROM t', /^DISTINCT ON without ORDER BY/],
    ['SELECT a FROM t USING SAMPLE 10', /^a sample without REPEATABLE/],
    ['SELECT a FROM t TABLESAMPLE 10%', /^a sample without REPEATABLE/],
  ])('%s', async (text, sentence) => {
    expect(await parts(text)).toEqual([expect.stringMatching(sentence)])
  })
})

describe('unrepeatableParts leaves alone', () => {
  test.each([
    'SELECT first(a ORDER BY b), any_value(a ORDER BY b), max_by(a, b ORDER BY c), list(a ORDER BY b) FROM t',
    'SELECT row_number() OVER (ORDER BY a), rank() OVER (), sum(b) OVER (PARTITION BY a), first_value(a ORDER BY b) OVER () FROM t',
    'SELECT sum(b) OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING), sum(b) OVER (ORDER BY a ROWS 2 PRECEDING) FROM t',
    'SELECT a FROM t ORDER BY a LIMIT 3',
    'SELECT * FROM (SELECT a FROM t ORDER BY a) LIMIT 3',
    'SELECT a FROM t LIMIT 0',
    'SELECT a FROM t LIMIT ALL',
    'SELECT max(a) FROM t LIMIT 1',
    'SELECT a FROM t WHERE EXISTS (SELECT 1 FROM u LIMIT 1)',
    'SELECT DISTINCT a FROM t',
    'SELECT DISTINCT ON (a) a, b FROM t ORDER BY a, b',
    'SELECT a FROM t USING SAMPLE reservoir(10 ROWS) REPEATABLE (7)',
    'SELECT [a, b], list_first(c), first FROM t',
  ])('%s', async (text) => {
    expect(await parts(text)).toEqual([])
  })

  test.each(globSync('pipelines/*/*.sql', { cwd: CHECKOUT }))('%s', async (file) => {
    expect(await parts(readFileSync(join(CHECKOUT, file), 'utf8'))).toEqual([])
  })
})
