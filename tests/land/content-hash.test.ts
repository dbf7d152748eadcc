import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Columns } from '../../lib/core/dataset.ts'
import { quoteLiteral } from '../../lib/core/quote.ts'
import { type DuckDB, openDuckDB } from '../../lib/engines/duckdb.ts'
import { duckdbTypeFromText } from '../../lib/engines/types.ts'
import { contentOf, rowHash } from '../../lib/land/content-hash.ts'
import { temporaryFolder } from '../kit/context.ts'

let db: DuckDB
beforeAll(async () => {
  db = await openDuckDB({ memoryBytes: 512 * 2 ** 20, threads: 2, temp: '/tmp/millrace-never-spills' })
})
afterAll(() => db.close())

let files = 0
async function hashOf(rows: string, columns: Columns): Promise<{ rows: number; hash: string }> {
  const file = join(temporaryFolder(), `${++files}.parquet`)
  const casts = Object.entries(columns).map(([name, type], i) => `c${i}::${duckdbTypeFromText(type)} AS "${name}"`)
  const names = Object.keys(columns).map((_, i) => `c${i}`)
  await db.run(`COPY (SELECT ${casts} FROM (${rows}) AS t(${names})) TO ${quoteLiteral(file)} (FORMAT parquet)`)
  return contentOf(db, [file], columns)
}
const values = (...rows: string[]) => `VALUES ${rows.map((row) => `(${row})`).join(', ')}`

test('contentOf counts rows and does not depend on their order', async () => {
  const columns = { a: 'int64', b: 'text' }
  const one = await hashOf(values(`1, 'x'`, `2, NULL`, `1, 'x'`), columns)
  expect(one).toMatchObject({ rows: 3, hash: expect.stringMatching(/^[0-9a-f]{32}$/) })
  expect(await hashOf(values(`1, 'x'`, `1, 'x'`, `2, NULL`), columns)).toEqual(one)
  expect((await hashOf(values(`1, 'x'`, `2, NULL`), columns)).hash).not.toBe(one.hash)
  expect((await hashOf(values(`1, 'x'`, `2, NULL`, `2, NULL`), columns)).hash).not.toBe(one.hash)
})

test('contentOf does not depend on how rows are spread over files, row groups and threads', async () => {
  const folder = temporaryFolder()
  const columns = { i: 'int64', s: 'text', l: 'list(struct(a int64, b text))' }
  const rows = (where: string) =>
    `SELECT range AS i, CASE WHEN range % 3 = 0 THEN NULL ELSE 's' || range % 100 END AS s, CASE WHEN range % 5 = 0 THEN NULL WHEN range % 7 = 0 THEN [] ELSE [{'a': range, 'b': NULL}, NULL] END AS l FROM range(50000) WHERE ${where}`
  await db.run(`COPY (${rows('true')}) TO '${folder}/all.parquet'`)
  await db.run(`COPY (${rows('range % 2 = 0')} ORDER BY i DESC) TO '${folder}/even.parquet' (ROW_GROUP_SIZE 2048)`)
  await db.run(`COPY (${rows('range % 2 = 1')} ORDER BY s) TO '${folder}/odd.parquet' (COMPRESSION zstd)`)
  const whole = await contentOf(db, [`${folder}/all.parquet`], columns)
  expect(await contentOf(db, [`${folder}/even.parquet`, `${folder}/odd.parquet`], columns)).toEqual(whole)
})

test('contentOf has names, types and their order in it', async () => {
  const hashes = await Promise.all([
    hashOf(values('1, 1'), { a: 'int64', b: 'int64' }),
    hashOf(values('1, 1'), { b: 'int64', a: 'int64' }),
    hashOf(values('1, 1'), { a: 'int64', c: 'int64' }),
    hashOf(values('1, 1'), { a: 'int64', b: 'int32' }),
    hashOf(`${values('1, 1')} LIMIT 0`, { a: 'int64', b: 'int64' }),
    hashOf(`${values('1, 1')} LIMIT 0`, { a: 'int64', b: 'int32' }),
  ])
  expect(new Set(hashes.map(({ hash }) => hash)).size).toBe(hashes.length)
})

const different: [type: string, values: string[]][] = [
  ['list(int32)', ['NULL', '[]', '[NULL]', '[NULL, NULL]', '[0]', '[1]', '[1, NULL]', '[NULL, 1]']],
  [
    'list(list(int32))',
    ['NULL', '[]', '[NULL]', '[[]]', '[[NULL]]', '[[1]]', '[[1], []]', '[[], [1]]', '[[1], NULL]', '[[1, 1]]', '[[1], [1]]'],
  ],
  [
    'struct(a int32, "b c" text)',
    ['NULL', `{'a': NULL, 'b c': NULL}`, `{'a': 1, 'b c': NULL}`, `{'a': NULL, 'b c': '1'}`, `{'a': NULL, 'b c': ''}`],
  ],
  ['struct(a struct(b int32))', ['NULL', `{'a': NULL}`, `{'a': {'b': NULL}}`, `{'a': {'b': 0}}`]],
  [
    'list(struct(e0 list(text)))',
    [
      'NULL',
      '[]',
      '[NULL]',
      `[{'e0': NULL}]`,
      `[{'e0': []}]`,
      `[{'e0': [NULL]}]`,
      `[{'e0': ['NULL']}]`,
      `[{'e0': ['a', 'b']}]`,
      `[{'e0': ['a']}, {'e0': ['b']}]`,
    ],
  ],
  ['text', ['NULL', `''`, `'NULL'`, `' '`, `'a'`]],
  ['bytes', ['NULL', `''::BLOB`, `'\\x00'::BLOB`, `'\\x00\\x00'::BLOB`]],
  ['boolean', ['NULL', 'true', 'false']],
  ['float64', ['NULL', '0', `'nan'`, `'inf'`, `'-inf'`, '1e-300']],
  ['decimal(38,10)', ['NULL', '0', '0.0000000001', '1']],
  ['interval', ['NULL', `INTERVAL 1 MONTH`, `INTERVAL 30 DAY`, `INTERVAL 29 DAY`]],
  ['timestamptz', ['NULL', `'2020-01-01 00:00:00+00'`, `'2020-01-01 00:00:00.000001+00'`, `'infinity'`]],
]
test.each(different)('contentOf tells all values of %s apart', async (type, all) => {
  const found = new Map<string, string>()
  for (const value of all) {
    const { hash } = await hashOf(`SELECT ${value}`, { v: type })
    expect(found.get(hash), `${value} and ${found.get(hash)}`).toBeUndefined()
    found.set(hash, value)
  }
})

test('contentOf notices every exchange of values between two rows', async () => {
  const columns = { id: 'int64', v: 'int64' }
  const hash = rowHash(columns)
  const [found] =
    await db.meta(`WITH pairs AS (SELECT a.range AS id, b.range AS other, a.range * 7 AS v, b.range * 13 + 1 AS w FROM range(1000) a, range(1000) b WHERE a.range < b.range),
    hashed AS (
      SELECT ${[
        ['one', 'id', 'v'],
        ['two', 'other', 'w'],
        ['three', 'id', 'w'],
        ['four', 'other', 'v'],
      ].map(([name, id, v]) => `${hash.replace('"id"', id ?? '').replace('"v"', v ?? '')} AS ${name}`)} FROM pairs)
    SELECT count(*) AS pairs, count(*) FILTER (WHERE before = after) AS missed FROM (SELECT hash(one)::HUGEINT + hash(two) AS before, hash(three)::HUGEINT + hash(four) AS after FROM hashed)`)
  expect(found).toEqual({ pairs: '499500', missed: '0' })
})

test('contentOf of any two tables is equal if and only if they hold the same rows', async () => {
  const columns = { a: 'int32', b: 'text', c: 'list(int32)' }
  const row = fc
    .tuple(fc.constantFrom('NULL', '0', '1'), fc.constantFrom('NULL', `''`, `'a'`), fc.constantFrom('NULL', '[]', '[NULL]', '[1]'))
    .map((cells) => cells.join(', '))
  const table = fc.array(row, { minLength: 1, maxLength: 4 })
  await fc.assert(
    fc.asyncProperty(table, table, async (one, two) => {
      const same = JSON.stringify([...one].sort()) === JSON.stringify([...two].sort())
      const [a, b] = [await hashOf(values(...one), columns), await hashOf(values(...two), columns)]
      expect(a.hash === b.hash).toBe(same)
    }),
    { numRuns: 60 },
  )
})
