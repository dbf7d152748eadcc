import { expect, test } from 'vitest'
import type { Columns } from '../../lib/core/dataset.ts'
import { deliver } from '../../lib/export/deliver.ts'
import { temporaryFolder, testContext } from '../kit/context.ts'
import { datasetOf } from '../kit/dataset.ts'
import { exportOf, freshStore, keysOf, readBytes, requestOf } from './kit.ts'
import type { TestContract } from './names.ts'

const columns = { id: 'int64', first: 'text', middle: 'json', last: 'list(text)' } as const

/** Delivers rows of `columns`; the bytes, or what is left in the store and the error. */
async function delivered<R extends Columns>(rows: string, options: Partial<TestContract<R>>) {
  const dataset = await datasetOf(temporaryFolder(), 'd', columns, `SELECT * FROM (VALUES ${rows}) AS t(id, first, middle, last)`)
  const store = freshStore()
  const target = exportOf('d.csv', { columns, orderBy: ['id'], ...options } as never)
  try {
    const { files } = await deliver(requestOf(dataset, { export: target, partition: undefined }), store, testContext())
    return { bytes: await readBytes(store, files[0] ?? '') }
  } catch (error) {
    return { error, left: await keysOf(store) }
  }
}

test('a NULL in a column that is never NULL fails the delivery, and names the first row and how many', async () => {
  const rows = `(3, 'c', NULL, NULL), (1, 'a', NULL, NULL), (2, NULL, NULL, NULL), (4, NULL, NULL, NULL)`
  expect(await delivered(rows, { notNull: ['id', 'first'] as never })).toEqual({
    error: expect.objectContaining({
      message: '"first" is NULL in 2 of 4 rows, first in id=2',
      place: expect.objectContaining({ stage: 'export', column: 'first' }),
    }),
    left: [],
  })
})

const PAYLOADS = ['=1+1', '+1', '-1', '@SUM(1)', '\t=1', '\r=1', '\n=1', '＝1', 'x,=1', 'x;=1', 'x"=1']

test.each(PAYLOADS)('%j as a value: raw leaves it, escape puts an apostrophe before it, reject fails the delivery', async (payload) => {
  const sql = payload.replaceAll("'", "''")
  const delimiter = payload.includes(';') ? ';' : ','
  const rows = `(1, '${sql}', NULL, NULL), (-2, 'plain', NULL, NULL)`
  const raw = await delivered(rows, { delimiter, formulas: 'raw' })
  const escaped = await delivered(rows, { delimiter, formulas: 'escape' })
  expect(raw.bytes?.toString().replaceAll('""', '"')).toContain(payload)
  expect(escaped.bytes?.toString().replaceAll('""', '"').replaceAll("'", '')).toContain(payload)
  expect(escaped.bytes?.toString()).not.toEqual(raw.bytes?.toString())
  // A number is never touched.
  expect(escaped.bytes?.toString()).toContain(`-2${delimiter}plain`)
  expect(await delivered(rows, { delimiter, formulas: 'reject' })).toEqual({
    error: expect.objectContaining({
      message: '"first" is a formula to a spreadsheet in 1 of 2 rows, first in id=1',
      place: expect.objectContaining({ column: 'first', value: payload }),
    }),
    left: [],
  })
})

test('formulas are found in the middle and the last column too, in JSON and in lists', async () => {
  const rows = `(1, 'a', '{"a":"=1"}', NULL), (2, 'b', NULL, ['ok', '@x'])`
  expect(await delivered(rows, { formulas: 'reject' })).toMatchObject({ error: { place: { column: 'middle', value: '{"a":"=1"}' } } })
  const { bytes } = await delivered(rows, { formulas: 'escape' })
  expect(bytes?.toString()).toBe(`id,first,middle,last\n1,a,"{""a"":""'=1""}",\n2,b,,"[""ok"",""'@x""]"\n`)
})

test('a header that is a formula is escaped', async () => {
  const named = { '=id': 'int64' } as const
  const dataset = await datasetOf(temporaryFolder(), 'd', named, `SELECT 1 AS "=id"`)
  const store = freshStore()
  const target = exportOf('d.csv', { columns: named, orderBy: ['=id'], formulas: 'escape', quoting: 'all' })
  const { files } = await deliver(requestOf(dataset, { export: target, partition: undefined }), store, testContext())
  expect((await readBytes(store, files[0] ?? '')).toString()).toBe(`"'=id"\n"1"\n`)
})

test('a character that the encoding has not fails the delivery, or becomes a question mark', async () => {
  const rows = `(1, 'fünf €', NULL, NULL), (2, 'Ω', NULL, NULL)`
  expect(await delivered(rows, { encoding: 'windows-1252', unfit: 'fail' })).toMatchObject({
    error: { message: '"first" has a character that windows-1252 has not in 1 of 2 rows, first in id=2', place: { value: 'Ω' } },
    left: [],
  })
  const { bytes } = await delivered(rows, { encoding: 'windows-1252', unfit: 'replace' })
  expect(new TextDecoder('windows-1252').decode(bytes)).toBe('id,first,middle,last\n1,fünf €,,\n2,?,,\n')
  const latin = await delivered(rows, { encoding: 'latin-1', unfit: 'replace' })
  expect(latin.bytes?.toString('latin1')).toBe('id,first,middle,last\n1,fünf ?,,\n2,?,,\n')
})
