import { mkdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Columns } from '../../lib/core/dataset.ts'
import { type DuckDB, openDuckDB } from '../../lib/engines/duckdb.ts'
import { type Comparison, compareSides } from '../../lib/export/gate/compare.ts'
import { writeSample } from '../../lib/export/gate/sample.ts'
import { type Side, sideOfDataset, sideOfDelivery } from '../../lib/export/gate/side.ts'
import { DeliveryManifest } from '../../lib/export/manifest.ts'
import { temporaryFolder, testContext } from '../kit/context.ts'
import { datasetOf } from '../kit/dataset.ts'
import { run } from './delivering.ts'
import { exportOf, freshStore, readText, requestOf } from './kit.ts'
import type { TestContract } from './names.ts'

/** A side of which no column is compared as a value. */
function asTexts({ plain: _, withValues: __, ...side }: Side): Side {
  return side
}

/** Delivers one SELECT and compares it with another: as a dataset and as delivered, by values where they are sure and by texts alone, which must come to the same. */
async function compared<R extends Columns, S extends Columns>(
  [first, before]: readonly [TestContract<R>, string],
  [second, after]: readonly [TestContract<S>, string],
  key: readonly string[],
): Promise<Comparison> {
  const sides = []
  let fromDataset: ReturnType<typeof sideOfDataset> | undefined
  for (const [options, select] of [[first, before] as const, [second, after] as const]) {
    const target = exportOf('t/{partition}.csv', options as TestContract<Columns>)
    const dataset = await datasetOf(temporaryFolder(), 't', options.columns, select)
    const store = freshStore()
    const { manifest } = await run(requestOf(dataset, { export: target }), store)
    const folder = join(temporaryFolder(), 'spool')
    mkdirSync(folder)
    sides.push(
      await sideOfDelivery(
        DeliveryManifest.parse(JSON.parse(await readText(store, manifest ?? ''))),
        store,
        folder,
        new AbortController().signal,
      ),
    )
    fromDataset = sideOfDataset(dataset, target.contract)
  }
  const { limits, signal } = testContext()
  const db = await openDuckDB({ ...limits, temp: temporaryFolder(), zone: 'UTC', preserveOrder: false })
  try {
    const [old, now] = sides
    if (!old || !now || !fromDataset) throw new Error('nothing to compare')
    const comparison = await compareSides(db, old, now, key, signal)
    expect(await compareSides(db, old, fromDataset, key, signal)).toEqual(comparison)
    expect(await compareSides(db, asTexts(old), asTexts(now), key, signal)).toEqual(comparison)
    const sample = await sampleOf(db, { before: old, after: now }, comparison)
    expect(sample).toEqual(await sampleOf(db, { before: asTexts(old), after: asTexts(now) }, comparison))
    return comparison
  } finally {
    db.close()
  }
}

async function sampleOf(db: DuckDB, sides: { readonly before: Side; readonly after: Side }, comparison: Comparison) {
  const file = join(temporaryFolder(), 'sample.parquet')
  await writeSample({ db, ...sides, comparison, ctx: testContext() }, file)
  return db.meta(`SELECT kind, key, columns, before, after FROM read_parquet('${file}')`)
}

const idText = { columns: { id: 'int64', t: 'text', n: 'float64' }, orderBy: ['id'] } as const
const values = (...rows: string[]) => `SELECT * FROM (VALUES ${rows.join(', ')}) AS v(id, t, n)`

test('rows are added, removed and changed by their key; each column says in how many of the kept rows', async () => {
  expect(
    await compared(
      [idText, values("(1, 'a', 1)", "(2, 'b', 2)", '(3, NULL, 3)', "(4, '', 4)", "(5, 'e', 5)")],
      [idText, values("(1, 'a', 1)", "(2, 'B', 2.5)", "(3, '', 3)", '(4, NULL, 4)', "(6, 'e', 5)", "(7, 'f', 5)")],
      ['id'],
    ),
  ).toEqual({
    ...{ key: ['id'], before: 5, after: 6, added: 2, removed: 1, kept: 4, changed: 3 },
    columns: [
      { name: 't', changed: 3 },
      { name: 'n', changed: 1 },
    ],
    newColumns: [],
    goneColumns: [],
  })
})

test('two contracts are compared in the columns that both have', async () => {
  const second = { columns: { m: 'int32', id: 'int64', t: 'text' }, orderBy: ['id'], version: 2 } as const
  expect(
    await compared(
      [idText, values("(1, 'a', 1)", "(2, 'b', 2)")],
      [second, "SELECT * FROM (VALUES (9, 1, 'a'), (8, 2, 'c')) AS v(m, id, t)"],
      ['id'],
    ),
  ).toMatchObject({ changed: 1, columns: [{ name: 't', changed: 1 }], newColumns: ['m'], goneColumns: ['n'] })
})

test.each([
  ['gzip, several files', { compression: 'gzip', split: { rows: 2 } }],
  ['utf-16 with a byte-order mark', { encoding: 'utf-16le', byteOrderMark: true }],
  ['utf-8 with a byte-order mark, zstd', { byteOrderMark: true, compression: 'zstd' }],
  ['windows-1252, no header', { encoding: 'windows-1252', unfit: 'fail', header: false }],
  ['another escape, quotes and NULL', { escape: '\\', quoting: 'all', null: 'NULL', lineEnd: '\r\n', delimiter: ';', quote: "'" }],
] as const)('a delivery is read back by its contract: %s', async (_, dialect) => {
  const rows = ["(1, 'a;\"''\\€', 1)", "(2, E'line\\r\\nend', 2)", '(3, NULL, 3)', "(4, '', NULL)", "(5, 'NULL', 5)"]
  const changed = rows.with(1, "(2, E'line\\nend', 2)")
  const options = { ...idText, ...dialect } as unknown as typeof idText
  expect(await compared([options, values(...rows)], [options, values(...rows)], ['id'])).toMatchObject({ kept: 5, changed: 0 })
  expect(await compared([options, values(...rows)], [options, values(...changed)], ['id'])).toMatchObject({ kept: 5, changed: 1 })
})

test.each([
  [{}, true],
  [{ byteOrderMark: true }, false],
  [{ compression: 'gzip' }, false],
] as const)('a file of a store on the same disk is copied only where it is to be unpacked: %j', async (dialect, isSame) => {
  const target = exportOf('t/{partition}.csv', { ...idText, ...dialect } as never)
  const store = freshStore()
  const { manifest, files } = await run(
    requestOf(await datasetOf(temporaryFolder(), 't', idText.columns, values("(1, 'a', 1)")), { export: target }),
    store,
  )
  const folder = temporaryFolder()
  const delivered = DeliveryManifest.parse(JSON.parse(await readText(store, manifest ?? '')))
  await sideOfDelivery(delivered, store, folder, testContext().signal)
  const [stored, spooled] = [store.localPath(files[0] ?? '') ?? '', join(folder, '1.csv')].map((path) => statSync(path))
  expect(stored?.ino === spooled?.ino).toBe(isSame)
  expect(readFileSync(join(folder, '1.csv'), 'utf8')).toBe('id,t,n\n1,a,1.0\n')
})

const plain = {
  ...{ id: 'int64', small: 'int8', unsigned: 'uint64', price: 'decimal(18,4)', wide: 'decimal(30,4)', day: 'date', sure: 'boolean' },
} as const
const plainRows = (...rows: string[]) => `SELECT * FROM (VALUES ${rows.join(', ')}) AS v(${Object.keys(plain).join(', ')})`
const EXTREMES = [
  "(-9223372036854775808, -128, 0, -99999999999999.9999, -0.0001, DATE 'infinity', true)",
  "(9223372036854775807, 127, 18446744073709551615, 99999999999999.9999, 12345678901234567890123456.7891, DATE '-infinity', false)",
  "(0, 0, 1, -0.0001, 0, DATE '0044-03-15 (BC)', true)",
  '(1, NULL, NULL, NULL, NULL, NULL, NULL)',
  "(-1, -1, 7, 0.5, 1, DATE '5874897-12-31', false)",
]

test.each([
  {},
  { quoting: 'all', delimiter: ';' },
  { delimiter: '-', null: 'NULL' },
  { decimalPoint: ',', delimiter: ';' },
  { booleans: ['1', '0'], dateFormat: '%d.%m.%Y' },
  { round: { price: 2 } },
] as const)('values at their limits are compared as what readers see: %j', async (more) => {
  const contract = { columns: plain, orderBy: ['id'], ...more } as const
  const rows = 'dateFormat' in more ? EXTREMES.map((row) => row.replace(/DATE '[^']*'/, "DATE '2018-02-04'")) : EXTREMES
  const other = rows.with(3, "(1, NULL, NULL, 0.0000, NULL, DATE '2018-02-05', NULL)").with(0, (rows[0] ?? '').replace('-128', '-127'))
  expect(await compared([contract, plainRows(...rows)], [contract, plainRows(...other)], ['id'])).toMatchObject({
    ...{ kept: 5, changed: 2 },
    columns: [
      { name: 'small', changed: 1 },
      { changed: 0 },
      { name: 'price', changed: 1 },
      { changed: 0 },
      { name: 'day', changed: 1 },
      { changed: 0 },
    ],
  })
})

test('a column under two contracts changes where its texts do, not where its type does', async () => {
  const one = { columns: { id: 'int64', n: 'int32', d: 'decimal(9,2)', t: 'text' }, orderBy: ['id'] } as const
  const two = { columns: { id: 'int32', n: 'decimal(9,0)', d: 'decimal(9,3)', t: 'int64' }, orderBy: ['id'], version: 2 } as const
  const select = "SELECT * FROM (VALUES (1, 7, 1.5, '5'), (2, 8, NULL, '05')) AS v(id, n, d, t)"
  expect(await compared([one, select], [two, select], ['id'])).toMatchObject({
    ...{ kept: 2, changed: 2 },
    columns: [
      { name: 'n', changed: 0 },
      { name: 'd', changed: 1 },
      { name: 't', changed: 1 },
    ],
  })
})

test('a row of one column of numbers that is NULL is a row', async () => {
  const one = { columns: { n: 'int32' }, orderBy: ['n'] } as const
  const select = (...rows: string[]) => `SELECT * FROM (VALUES ${rows.map((row) => `(${row})`).join(', ')}) AS v(n)`
  expect(await compared([one, select('1', '2', 'NULL')], [one, select('3', 'NULL')], ['n'])).toMatchObject({
    added: 1,
    removed: 2,
    kept: 1,
  })
})

test('a key of values: each column and their order count', async () => {
  const pair = { columns: { a: 'int32', b: 'int32', c: 'date' }, orderBy: ['a', 'b'] } as const
  const select = (...rows: string[]) => `SELECT a, b, DATE '2018-02-04' AS c FROM (VALUES ${rows.join(', ')}) AS v(a, b)`
  expect(
    await compared(
      [pair, select('(1, 2)', '(3, 3)', '(NULL, 4)', '(5, NULL)')],
      [pair, select('(2, 1)', '(3, 3)', '(4, NULL)', '(5, NULL)')],
      ['a', 'b'],
    ),
  ).toMatchObject({ kept: 2, removed: 2, added: 2, changed: 0 })
})

test('a key of several columns, with NULLs, and texts that would run into each other', async () => {
  const pair = { columns: { a: 'text', b: 'text', c: 'int32' }, orderBy: ['a', 'b'] } as const
  const select = (...rows: string[]) => `SELECT * FROM (VALUES ${rows.join(', ')}) AS v(a, b, c)`
  expect(
    await compared(
      [pair, select("('x', 'yz', 1)", "('xy', 'z', 2)", "(NULL, 'x', 3)", "('x', NULL, 4)")],
      [pair, select("('x', 'yz', 2)", "('xy', 'z', 2)", "(NULL, 'x', 3)", "('x', NULL, 4)")],
      ['a', 'b'],
    ),
  ).toMatchObject({ kept: 4, changed: 1, added: 0, removed: 0 })
})

test('a key that names several rows is refused', async () => {
  const twice = values("(1, 'a', 1)", "(2, 'a', 2)")
  const message = "the gate's key (t) names several rows, and nothing can be compared by it: t=a stands in 2 rows of"
  await expect(compared([idText, twice], [idText, twice], ['t'])).rejects.toThrow(`${message} what is new`)
  await expect(compared([idText, twice], [idText, values("(1, 'a', 1)")], ['t'])).rejects.toThrow(`${message} the last delivery`)
})

test('a side without rows', async () => {
  const none = `${values("(1, 'a', 1)")} WHERE false`
  const two = values("(1, 'a', 1)", "(2, 'b', 2)")
  expect(await compared([idText, two], [idText, none], ['id'])).toMatchObject({ removed: 2, added: 0, kept: 0, after: 0 })
  expect(await compared([{ ...idText, zeroRows: 'noFile' }, none], [idText, two], ['id'])).toMatchObject({ removed: 0, added: 2, kept: 0 })
})

test.each([{}, { split: { rows: 2 } }, { lineEnd: '\r\n' }, { header: false }, { null: 'NULL' }, { quoting: 'all' }] as const)(
  'a row of one column that is NULL is a row, also where it is a blank line: %j',
  async (more) => {
    const one = { columns: { t: 'text' }, orderBy: ['t'], ...more } as const
    const select = (...rows: string[]) => `SELECT * FROM (VALUES ${rows.map((row) => `(${row})`).join(', ')}) AS v(t)`
    expect(await compared([one, select("'a'", "''", 'NULL')], [one, select("'b'", 'NULL')], ['t'])).toMatchObject({
      ...{ before: 3, after: 2, added: 1, removed: 2, kept: 1 },
    })
    expect(await compared([one, select('NULL')], [one, select('NULL')], ['t'])).toMatchObject({ before: 1, after: 1, kept: 1 })
  },
)
