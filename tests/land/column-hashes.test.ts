import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type DuckDB, openDuckDB } from '../../lib/engines/duckdb.ts'
import { openReader } from '../../lib/engines/reader.ts'
import { copyStatement } from '../../lib/formats/parquet.ts'
import { contentOfColumns, hashesAside, hashesOfFile, hashesOfLoad } from '../../lib/land/column-hashes.ts'
import { temporaryFolder } from '../kit/context.ts'

let db: DuckDB
beforeAll(async () => {
  db = await openDuckDB({ memoryBytes: 512 * 2 ** 20, threads: 2, temp: '/tmp/millrace-never-spills' })
})
afterAll(() => db.close())

let files = 0
async function hashes(select: string) {
  const file = join(temporaryFolder(), `${++files}.parquet`)
  await db.run(copyStatement(select, file))
  return hashesOfFile(file)
}
// Three row groups, dictionaries, NULLs, nested values.
const some = `SELECT range AS i, CASE WHEN range % 3 = 0 THEN NULL ELSE 's' || range % 100 END AS s,
  CASE WHEN range % 5 = 0 THEN [] ELSE [{'a': range, 'b': NULL::INT}, NULL] END AS l, 'x' || range AS wide FROM range(300000)`

test('hashesOfFile gives a column the same hash whatever stands beside it', async () => {
  const all = await hashes(some)
  expect(Object.keys(all)).toEqual(['i', 's', 'l', 'wide'])
  const { wide: _, ...rest } = all
  expect(await hashes(`SELECT * EXCLUDE (wide) FROM (${some})`)).toEqual(rest)
  const more = await hashes(`SELECT range % 7 AS other, l, s, i FROM (SELECT *, i AS range FROM (${some}))`)
  expect(more).toMatchObject(rest)
})

test('hashesOfFile changes where a value, its place or its type does, and in that column alone', async () => {
  const { i, s, l, wide } = await hashes(some)
  const other = await hashes(`SELECT i, CASE WHEN i = 299999 THEN 'other' ELSE s END AS s, l, wide FROM (${some})`)
  expect(other).toEqual({ i, s: expect.not.stringMatching(s ?? ''), l, wide })
  const turned = await hashes(`SELECT i, s, l, wide FROM (${some}) ORDER BY i DESC`)
  expect(Object.values(turned).filter((each) => [i, s, l, wide].includes(each))).toEqual([])
})

test('hashesOfLoad of several files has their order in it, and no column touches another', async () => {
  const part = async (select: string) => {
    const file = join(temporaryFolder(), `${++files}.parquet`)
    await db.run(copyStatement(select, file))
    return file
  }
  const [one, two, other] = [
    await part(`${some} LIMIT 10`),
    await part(`${some} LIMIT 20`),
    await part(`SELECT * REPLACE ('z' AS wide) FROM (${some} LIMIT 20)`),
  ]
  const load = async (...paths: readonly string[]) => hashesOfLoad(await Promise.all(paths.map((path) => hashesOfFile(path))))
  const all = await load(one, two)
  expect(await load(one, two)).toEqual(all)
  expect(Object.keys(all)).toEqual(['i', 's', 'l', 'wide'])
  expect(Object.values(await load(two, one)).filter((hash) => Object.values(all).includes(hash))).toEqual([])
  const { wide, ...rest } = await load(one, other)
  expect(all).toMatchObject(rest)
  expect(wide).not.toBe(all.wide)
})

test('hashesAside gives the same of a large file, by the reader child, and leaves a small one alone', async () => {
  const reader = openReader({
    limits: { memoryBytes: 2 ** 28, threads: 2, readerMemoryBytes: 2 ** 29, readerTimeoutMs: 60_000 },
    ...{ zone: 'UTC', temp: join(temporaryFolder(), 'spill') },
  })
  try {
    const { signal } = new AbortController()
    const file = join(temporaryFolder(), 'large.parquet')
    await db.run(copyStatement(`SELECT *, uuid()::VARCHAR AS u FROM (${some}), range(2)`, file))
    expect(await hashesAside(file, 'd', reader, signal)).toEqual(await hashesOfFile(file))
    const small = join(temporaryFolder(), 'small.parquet')
    await db.run(copyStatement(some, small))
    expect(await hashesAside(small, 'd', reader, signal)).toBeUndefined()
  } finally {
    await reader.close()
  }
})

test('contentOfColumns has rows, names and types in it, not the order of the names', async () => {
  const load = { rows: 2, columns: { a: 'int64', b: 'text', c: 'text' }, columnHashes: { a: '1', b: '2', c: '3' } }
  const name = contentOfColumns(load, ['a', 'b'])
  expect(name).toMatch(/^[0-9a-f]{32}$/)
  expect(contentOfColumns({ ...load, columnHashes: { ...load.columnHashes, c: '4' } }, ['b', 'a'])).toBe(name)
  const others = [
    contentOfColumns({ ...load, rows: 3 }, ['a', 'b']),
    contentOfColumns({ ...load, columns: { ...load.columns, b: 'json' } }, ['a', 'b']),
    contentOfColumns({ ...load, columnHashes: { ...load.columnHashes, b: '3' } }, ['a', 'b']),
    contentOfColumns(load, ['a']),
    contentOfColumns(load, []),
  ]
  expect(new Set([name, ...others]).size).toBe(6)
})

test('contentOfColumns knows nothing of loads without hashes, nor of columns that a load has not', () => {
  expect(contentOfColumns({ rows: 2, columns: { a: 'int64' } }, ['a'])).toBeUndefined()
  expect(contentOfColumns({ rows: 2, columns: { a: 'int64' }, columnHashes: { a: '1' } }, ['b'])).toBeUndefined()
})

test('columnHashes of a file without rows is that of no pages', async () => {
  const none = await hashes(`SELECT * FROM (${some}) LIMIT 0`)
  expect(contentOfColumns({ rows: 0, columns: { i: 'int64' }, columnHashes: none }, ['i'])).toMatch(/^[0-9a-f]{32}$/)
})
