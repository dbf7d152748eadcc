import { createReadStream, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Store } from '../../lib/connectors/store.ts'
import type { Dataset } from '../../lib/core/dataset.ts'
import { relationOfFiles } from '../../lib/engines/relation.ts'
import { deliver } from '../../lib/export/deliver.ts'
import { escapedFormula, formulaIn } from '../../lib/formats/formulas.ts'
import { temporaryFolder, testContext } from '../kit/context.ts'
import { parseCsv } from '../kit/csv.ts'
import { datasetOf } from '../kit/dataset.ts'
import {
  type AnyDialect,
  type Carried,
  cast,
  decoded,
  dialects,
  expectSameByDuckDB,
  fitting,
  type Rows,
  type Table,
  tableOf,
  tables,
} from './any-table.ts'
import { exportOf, freshStore, readBytes, requestOf } from './kit.ts'
import type { TestContract } from './names.ts'

test('deliver round trips any table of the carried types in any dialect, read back by DuckDB and by a strict RFC 4180 reader', {
  timeout: 300_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(tables, dialects, async (table, given) => {
      const folder = temporaryFolder()
      const { columns, rows, dialect } = fitting(table, given)
      const types = { id: 'int64', ...Object.fromEntries(columns.map(({ name, type }) => [name, type])) }
      const dataset = await tableOf(folder, types, rows)
      const store = freshStore(folder)
      const target = exportOf('t.csv', { columns: types, orderBy: ['id'], ...dialect } as TestContract<typeof types>)
      const delivery = deliver(requestOf(dataset, { export: target, partition: undefined }), store, testContext())
      const header = Object.keys(types).map((name) => (dialect.formulas === 'escape' ? escapedFormula(name, dialect) : name))
      const seen = rows.map((row) => row.map((value, i) => seenAs(value, columns[i]?.type, dialect)))
      if (dialect.formulas === 'reject' && holdsFormula(Object.keys(types), columns, rows, dialect)) {
        await expect(delivery).rejects.toThrow('is a formula')
        return
      }
      const receipt = await delivery
      const [file = ''] = await readFiles(store, receipt.files, dialect, folder)
      const expected = dialect.formulas === 'escape' ? await tableOf(temporaryFolder(), types, seen) : dataset
      await expectSameByDuckDB([file], expected, columns, dialect)
      await expectSameByRfc(file, header, columns, seen, dialect)
    }),
    { numRuns: 60 },
  )
})

test('deliver round trips tables that are larger than its buffers, whole and in several files', { timeout: 300_000 }, async () => {
  const some = tables.filter(({ rows }) => rows.length > 0)
  const splits = fc.constantFrom(undefined, { rows: 7000 }, { bytes: 300_000 })
  await fc.assert(
    fc.asyncProperty(some, dialects, splits, async (table, given, split) => {
      const folder = temporaryFolder()
      const { columns, rows, dialect } = fitting(withQuotes(table, given), { ...given, formulas: 'raw' })
      const types = { id: 'int64', ...Object.fromEntries(columns.map(({ name, type }) => [name, type])) }
      const dataset = await manyTimes(await tableOf(folder, types, rows), Math.ceil(20_000 / rows.length))
      const store = freshStore(folder)
      const target = exportOf('t.csv', { columns: types, orderBy: ['id'], ...dialect, ...(split && { split }) } as TestContract<
        typeof types
      >)
      const receipt = await deliver(requestOf(dataset, { export: target, partition: undefined }), store, testContext())
      await expectSameByDuckDB(await readFiles(store, receipt.files, dialect, folder), dataset, columns, dialect)
    }),
    { numRuns: 15 },
  )
})

/** With texts in the first column that cannot stand without quotes and escapes. */
function withQuotes({ columns: [first, ...others], rows }: Table, { delimiter, quote, escape: escaper }: AnyDialect): Table {
  if (!first) throw new RangeError('a table without columns')
  const texts = [`a${delimiter} ${quote}b${quote}`, `${escaper}`, null, 'plain']
  return {
    columns: [{ name: first.name, type: 'text', values: fc.constant(''), back: cast('text') }, ...others],
    rows: rows.map(([_, ...rest], i) => [texts[i % texts.length] ?? null, ...rest] as unknown as Table['rows'][number]),
  }
}

/** A dataset's rows so many times, with ids of their own. */
function manyTimes({ columns, files, rows }: Dataset, times: number): Promise<Dataset> {
  const select = `SELECT t.* REPLACE (t.id + numbers.number * ${rows} AS id) FROM (${relationOfFiles(columns, files)}) AS t, range(${times}) AS numbers(number)`
  return datasetOf(temporaryFolder(), 'table', columns, select)
}

/** Files of a store, unpacked and in UTF-8. */
function readFiles(store: Store, keys: readonly string[], dialect: AnyDialect, folder: string): Promise<string[]> {
  const unpack = { none: (bytes: Buffer) => bytes, gzip: gunzipSync, zstd: zstdDecompressSync }[dialect.compression]
  return Promise.all(
    keys.map(async (key, i) => {
      const file = join(folder, `read-${i}.csv`)
      writeFileSync(file, decoded(unpack(await readBytes(store, key)), dialect))
      return file
    }),
  )
}

/** A value as readers see it. */
function seenAs(value: string | null, type: string | undefined, dialect: AnyDialect): string | null {
  return value !== null && type === 'text' && dialect.formulas === 'escape' ? escapedFormula(value, dialect) : value
}

function holdsFormula(names: readonly string[], columns: Table['columns'], rows: Rows, dialect: AnyDialect): boolean {
  const values = rows.flatMap((row) => row.filter((_, i) => columns[i]?.type === 'text'))
  return [...(dialect.header ? names : []), ...values].some((text) => text !== null && formulaIn(text, dialect))
}

/** The types whose CSV text is what the test wrote. */
const LITERAL = /^(text|boolean|u?int\d+|uuid|json|decimal)/

async function expectSameByRfc(file: string, header: readonly string[], columns: readonly Carried[], rows: Rows, dialect: AnyDialect) {
  const records = parseCsv(await text(createReadStream(file)), dialect)
  if (dialect.header) expect(records.shift()?.map((field) => field.text)).toEqual(header)
  const seen = records.map((record) =>
    record
      .slice(1)
      .flatMap(({ text, quoted }, i) => (LITERAL.test(columns[i]?.type ?? '') ? [!quoted && text === dialect.null ? null : text] : [])),
  )
  const textOf = (value: string | null, type: string) => {
    if (type === 'boolean' && value !== null) return dialect.booleans[value === 'true' ? 0 : 1]
    return type.startsWith('decimal') ? (value?.replace('.', dialect.decimalPoint) ?? null) : value
  }
  const wanted = rows.map((row) =>
    row.flatMap((value, i) => (LITERAL.test(columns[i]?.type ?? '') ? [textOf(value, columns[i]?.type ?? '')] : [])),
  )
  expect(seen).toEqual(wanted)
}
