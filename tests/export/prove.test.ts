import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { openDuckDB } from '../../lib/engines/duckdb.ts'
import type { OpenEngine } from '../../lib/engines/engine-pool.ts'
import type { Contract } from '../../lib/export/contract/contract.ts'
import { deliver } from '../../lib/export/deliver.ts'
import { type Claim, claimedSums, prove } from '../../lib/export/prove/prove.ts'
import { readStored } from '../../lib/export/prove/read-stored.ts'
import { checkTotalOrder } from '../../lib/export/write/total-order.ts'
import { temporaryFolder, testContext } from '../kit/context.ts'
import { parseCsv } from '../kit/csv.ts'
import { datasetOf } from '../kit/dataset.ts'
import { connectToTestEngine } from '../kit/engine.ts'
import { run } from './delivering.ts'
import { exportOf, freshStore, keysOf, readBytes, requestOf } from './kit.ts'
import type { TestContract } from './names.ts'

const columns = {
  id: 'int64',
  name: 'text',
  amount: 'decimal(9,2)',
  day: 'date',
  at: 'timestamptz',
  done: 'boolean',
  share: 'float64',
} as const

type Options = Omit<TestContract<typeof columns>, 'columns' | 'orderBy'>

/** Rows 1 to 5: a text with everything that needs quotes, an empty one, NULL, a letter beyond ASCII, and a plain one. */
const ROWS = `SELECT i AS id, [E'a,b "c"\\r\\nd;e', '', NULL, 'Zoë', 'plain'][i] AS name, i * 1.5 AS amount, DATE '2018-02-03' + i::INT AS day,
  TIMESTAMPTZ '2018-02-04 05:06:07.5+00' + INTERVAL (i) HOUR AS at, i % 2 = 0 AS done, 0.1 + i AS share FROM range(1, 6) AS r(i)`

interface Written {
  readonly claim: Claim & { readonly contract: Contract }
  readonly stored: Buffer
}

const folder = mkdtempSync(join(tmpdir(), 'millrace-test-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const known = new Map<string, Promise<Written>>()

/** The dataset as delivered under a contract, made once. */
function written(options: Options): Promise<Written> {
  const name = JSON.stringify(options)
  const made = known.get(name) ?? deliverOnce(options)
  known.set(name, made)
  return made
}

async function deliverOnce(options: Options): Promise<Written> {
  const dataset = await datasetOf(folder, 'sales', columns, ROWS)
  const target = exportOf('sales.csv', { columns, orderBy: ['id'], ...options })
  const contract = target.contract as Contract
  const store = freshStore()
  const { files } = await run(requestOf(dataset, { export: target, partition: undefined }), store)
  const db = await connectToTestEngine({ zone: contract.zone })
  try {
    const { order } = await checkTotalOrder(db, dataset, contract, new AbortController().signal)
    return { claim: { dataset, contract, order }, stored: await readBytes(store, files[0] ?? '') }
  } finally {
    db.close()
  }
}

/** Reads bytes back as if they were on their way to the store. */
async function proved(bytes: Uint8Array, claim: Written['claim']): Promise<void> {
  const reader = readStored(claim.contract)
  const db = await connectToTestEngine({ zone: claim.contract.zone })
  try {
    // Members come whole.
    const most = claim.contract.compression === 'none' ? 50 : bytes.length
    for (let at = 0; at < bytes.length; at += most) await reader.add(bytes.subarray(at, at + most))
    const { signal } = new AbortController()
    await prove(await reader.end(), await claimedSums(claim, db, signal), claim, db, signal)
  } finally {
    reader.stop()
    db.close()
  }
}

const lines = (text: string) => text.split(/(?<=[^\r]\n)/)
const swap = (text: string, a: number, b: number) => {
  const all = lines(text)
  return all.map((line, i) => (i === a ? all[b] : i === b ? all[a] : line)).join('')
}

describe('what was written is not taken for the dataset with', () => {
  test.each<[what: string, options: Options, twin: (text: string) => string, message: RegExp]>([
    ['NULL written as an empty text', {}, (text) => text.replace('3,,', '3,"",'), /"name" is NULL in 0 rows, and in 1 of the dataset/],
    ['an empty text written as NULL', {}, (text) => text.replace('2,"",', '2,,'), /"name" is NULL in 2 rows, and in 1 of the dataset/],
    ['an empty text instead of a text', {}, (text) => text.replace('plain', '""'), /"name" is the empty text in 2 rows, and in 1 of the/],
    ['the null text unquoted', { null: 'plain' }, (text) => text.replace('"plain"', 'plain'), /"name" is NULL in 2 rows, and in 1/],
    ['a delimiter without quotes', {}, (text) => text.replace('"a,b ""c""\r\nd;e"', 'a,b'), /in row 1 "b" is no decimal/],
    ['a quote without quotes', {}, (text) => text.replace('plain', 'pl"ain'), /in row 5 a field does not end before/],
    ['a line end without quotes', {}, (text) => text.replace('plain', 'pl\nain'), /in row 5 there are 2 fields, not 7/],
    ['a quote that is not escaped', {}, (text) => text.replace('""c""', '"c"'), /in row 1 a field does not end before "c/],
    ['a quote escaped otherwise', {}, (text) => text.replace('""c""', '\\"c\\"'), /in row 1 a field does not end before/],
    ['a row dropped', {}, (text) => lines(text).toSpliced(3, 1).join(''), /it has 4 rows, and the dataset has 5/],
    ['a row doubled', {}, (text) => text + lines(text).at(-1), /it has 6 rows, and the dataset has 5/],
    ['a row in place of another', {}, (text) => text.replace(lines(text)[3] ?? '', lines(text)[2] ?? ''), /"name" is NULL in 0 rows/],
    ['two rows swapped', {}, (text) => swap(text, 2, 4), /its rows are not in the order of id/],
    ['the header below', {}, (text) => swap(text, 0, 5), /in the header the name is not "id", but one of "5,plain/],
    ['no header', {}, (text) => lines(text).slice(1).join(''), /in the header the name is not "id"/],
    ['a header where there is none', { header: false }, (text) => `id,name,amount,day,at,done,share\n${text}`, /in row 1 "id" is no whole/],
    ['names exchanged', {}, (text) => text.replace('id,name', 'name,id'), /the name is not "id", but one of "name,id/],
    [
      'values of two rows exchanged',
      {},
      (text) => text.replace('4,Zoë', '4,plain').replace('5,plain', '5,Zoë'),
      /they stand in other rows/,
    ],
    ['another value', {}, (text) => text.replace('plain', 'plane'), /"name" has other values/],
    ['a value cut off', {}, (text) => text.replace('Zoë', 'Zo'), /"name" has other values/],
    ['another number', {}, (text) => text.replace('7.50', '7.51'), /"amount" has other values/],
    ['a decimal comma', {}, (text) => text.replace('7.50', '"7,50"'), /"7,50" is no decimal/],
    ['a decimal point', { decimalPoint: ',', delimiter: ';' }, (text) => text.replace('7,50', '7.50'), /"7.50" is no decimal/],
    ['another day', {}, (text) => text.replace('2018-02-04', '2018-02-05'), /"day" has other values/],
    ['a day of another form', { dateFormat: '%d.%m.%Y' }, (text) => text.replace('04.02.2018', '02.04.2018'), /"day" has other values/],
    ['an instant an hour off', {}, (text) => text.replace('T06:06', 'T07:06'), /"at" has other values/],
    ['another zone', { zone: 'Asia/Kathmandu' }, (text) => text.replace('+05:45', '+05:30'), /"at" has other values/],
    ['an instant without its zone', {}, (text) => text.replace('07.5Z', '07.5'), /is no timestamptz/],
    ['a fraction longer than it needs', {}, (text) => text.replace('07.5Z', '07.50Z'), /"[^"]*07.50Z" is no timestamptz/],
    ['another word for true', { booleans: ['Y', 'N'] }, (text) => text.replace(',Y,', ',true,'), /"true" is no boolean/],
    ['true and false exchanged', {}, (text) => text.replace(',true,', ',false,'), /"done" has other values/],
    ['a float rounded', {}, (text) => text.replace('3.1\n', '3\n'), /"share" has other values/],
    ['a float rounded to another place', { round: { share: 2 } }, (text) => text.replace('3.10', '3.1'), /"share" has other values/],
    ['a value without its quotes', { quoting: 'all' }, (text) => text.replace('"plain"', 'plain'), /a value has no quotes/],
    ['a formula that is not escaped', { formulas: 'escape' }, (text) => text.replace('plain', '=1+1'), /"name" has other values/],
    ['a line end of the other kind', { lineEnd: '\r\n' }, (text) => text.replace('\r\n2', '\n2'), /a field does not end before/],
    ['no last line end', {}, (text) => text.slice(0, -1), /it ends within row 5/],
    ['its end cut off between two rows', {}, (text) => lines(text).slice(0, -1).join(''), /it has 4 rows/],
    ['a byte-order mark', {}, (text) => `\uFEFF${text}`, /the name is not "id"/],
    ['no byte-order mark', { byteOrderMark: true }, (text) => text.slice(1), /has no byte-order mark/],
  ])('%s', async (_, options, twin, message) => {
    const { stored, claim } = await written(options)
    await proved(stored, claim)
    const text = stored.toString()
    expect(twin(text)).not.toBe(text)
    await expect(proved(Buffer.from(twin(text)), claim)).rejects.toThrow(message)
  })

  test.each<[what: string, options: Options, twin: (bytes: Buffer) => Buffer, message: RegExp]>([
    ['UTF-8 for Latin-1', { encoding: 'latin-1', unfit: 'fail' }, (bytes) => Buffer.from(bytes.toString('latin1')), /"name" has other/],
    ['Latin-1 for UTF-8', {}, (bytes) => Buffer.from(bytes.toString(), 'latin1'), /"name" has other values/],
    ['UTF-8 for UTF-16', { encoding: 'utf-16le' }, (bytes) => Buffer.from(bytes.toString('utf16le')), /in the header|is no utf-16le/],
    ['half a character', { encoding: 'utf-16le' }, (bytes) => bytes.subarray(0, -1), /is no utf-16le|it ends within/],
    ['a damaged member', { compression: 'gzip' }, (bytes) => Buffer.from(bytes.with(bytes.length - 6, 1)), /is no gzip: incorrect/],
    ['a member cut off', { compression: 'gzip' }, (bytes) => bytes.subarray(0, -9), /is no gzip: unexpected end of file/],
    ['bytes that are not compressed', { compression: 'gzip' }, (bytes) => gunzipSync(bytes), /is no gzip: incorrect header/],
    ['bytes behind a member', { compression: 'gzip' }, (bytes) => Buffer.concat([bytes, Buffer.alloc(9)]), /9 bytes stand behind its end/],
    ['two frames in place of one', { compression: 'zstd' }, (bytes) => Buffer.concat([bytes, bytes]), /bytes stand behind its end/],
    ['no member for the last row', { compression: 'gzip' }, (bytes) => rowsOfGzip(bytes, 4), /it has 4 rows/],
    [
      'a damaged frame',
      { compression: 'zstd' },
      (bytes) => Buffer.from(bytes.with(12, 0xff).with(13, 0xff)),
      /is no zstd|other values|no /,
    ],
  ])('%s', async (_, options, twin, message) => {
    const { stored, claim } = await written(options)
    await proved(stored, claim)
    await expect(proved(twin(stored), claim)).rejects.toThrow(message)
  })
})

const rowsOfGzip = (bytes: Buffer, rows: number) =>
  Buffer.concat(
    lines(gunzipSync(bytes).toString())
      .slice(0, rows + 1)
      .map((line) => gzipSync(line)),
  )

test('prove takes no file that reads otherwise, whichever byte of it has changed', { timeout: 60_000 }, async () => {
  const { stored, claim } = await written({ delimiter: ';', header: false })
  const dialect = { delimiter: ';', quote: '"', lineEnd: '\n' }
  const fields = (bytes: Uint8Array) => {
    try {
      // By value, not by text: what a strict reader of RFC 4180 sees, the quotes of what need not have any aside.
      return JSON.stringify(
        parseCsv(new TextDecoder('utf-8', { fatal: true }).decode(bytes), dialect).map((record) =>
          record.map(({ text, quoted }) => [text, quoted || text !== '']),
        ),
      )
    } catch {
      return 'no CSV'
    }
  }
  const whole = fields(stored)
  const change = fc.record({
    at: fc.nat(stored.length - 1),
    drop: fc.nat(2),
    put: fc.array(fc.constantFrom(...Buffer.from('",;\n\r017.-TZ+ex')), { maxLength: 2 }),
  })
  await fc.assert(
    fc.asyncProperty(change, async ({ at, drop, put }) => {
      const twin = Buffer.from([...stored].toSpliced(at, drop, ...put))
      const taken = await proved(twin, claim).then(
        () => true,
        () => false,
      )
      if (taken) expect(fields(twin)).toBe(whole)
    }),
    { numRuns: 200 },
  )
})

/** Engines that write something else than they are told, without a word. */
const writing =
  (change: (copy: string) => string, rows = 5): OpenEngine =>
  async (options) => {
    const db = await openDuckDB(options)
    const run: typeof db.run = async (sql, values, signal) => {
      if (!sql.startsWith('COPY')) return db.run(sql, values, signal)
      expect(change(sql)).not.toBe(sql)
      await db.run(change(sql), values, signal)
      // Whatever it has done, it says that it has done all.
      return rows
    }
    return { ...db, run }
  }

describe('deliver publishes nothing of an engine that', () => {
  test.each<[what: string, options: Options, change: (copy: string) => string, place: object]>([
    ['writes NULL as an empty text', {}, (sql) => sql.replace('t."name" AS', `coalesce(t."name", '') AS`), { column: 'name' }],
    ['writes an empty text as NULL', {}, (sql) => sql.replace('t."name" AS', `nullif(t."name", '') AS`), { column: 'name' }],
    ['quotes with another character', {}, (sql) => sql.replace(`QUOTE '"'`, `QUOTE ''''`), { row: 1 }],
    ['drops a row', {}, (sql) => sql.replace(' FROM (SELECT', ' FROM (SELECT DISTINCT ON (2)'), {}],
    ['exchanges values', {}, (sql) => sql.replace('t."share" AS', 'lag(t."share", 1, 5.1) OVER () AS'), {}],
    ['has lost the order', {}, (sql) => sql.replace(/ FROM (\(SELECT.*\)) AS t\)/s, ' FROM (FROM $1 ORDER BY "id" DESC) AS t)'), {}],
    [
      'compresses another number',
      { compression: 'gzip' },
      (sql) => sql.replace('t."amount" AS', 't."amount" + 1 AS'),
      { column: 'amount' },
    ],
    ['is in another zone', { split: { rows: 2 } }, (sql) => sql.replaceAll('t."at"', `(t."at" + INTERVAL 1 HOUR)`), { column: 'at' }],
  ])('%s', async (_, options, change, place) => {
    const dataset = await datasetOf(temporaryFolder(), 'sales', columns, ROWS)
    const target = exportOf('sales.csv', { columns, orderBy: ['id'], ...options })
    const store = freshStore()
    await expect(
      deliver(requestOf(dataset, { export: target, partition: undefined }), store, testContext(), writing(change)),
    ).rejects.toMatchObject({ name: 'PermanentError', place: { stage: 'export', pipeline: 'p', dataset: 'sales', ...place } })
    expect(await keysOf(store)).toEqual([])
  })
})

test('deliver records what it proved, the same for one file and for the sum of several', async () => {
  const dataset = await datasetOf(temporaryFolder(), 'sales', columns, ROWS)
  const proofsOf = async (options: Options) => {
    const store = freshStore()
    const target = exportOf('sales.csv', { columns, orderBy: ['id'], ...options })
    const { manifest } = await run(requestOf(dataset, { export: target, partition: undefined }), store)
    const { files } = JSON.parse(String(await readBytes(store, manifest ?? '')))
    return (files as { proof: { content: string; order: string; columns: { nulls: number; hash: string }[] } }[]).map(({ proof }) => proof)
  }
  const [one] = await proofsOf({})
  expect(one?.columns[1]).toMatchObject({ name: 'name', nulls: 1, empty: 1, hash: expect.stringMatching(/^[0-9a-f]{16}$/) })
  const several = await proofsOf({ split: { rows: 2 } })
  expect(several).toHaveLength(3)
  const sum = (hashes: readonly string[]) =>
    BigInt.asUintN(
      64,
      hashes.reduce((all, hash) => all + BigInt(`0x${hash}`), 0n),
    )
      .toString(16)
      .padStart(16, '0')
  expect(sum(several.map(({ content }) => content))).toBe(one?.content)
  expect(sum(several.map(({ order }) => order))).toBe(one?.order)
  expect(sum(several.map(({ columns: all }) => all[1]?.hash ?? ''))).toBe(one?.columns[1]?.hash)
  // A dialect changes no value: what is proved is the dataset.
  expect(await proofsOf({ delimiter: '\t', quoting: 'all', compression: 'zstd', encoding: 'utf-16le', lineEnd: '\r\n' })).toEqual([one])
})

test('deliver proves a dataset of many rows while they are written, and leaves nothing of it where the writing fails', async () => {
  const many = `SELECT i AS id, 'n' || i AS name, i * 0.5 AS amount, DATE '2018-02-03' AS day, TIMESTAMPTZ '2018-02-04 05:06:07+00' AS at, i % 2 = 0 AS done, 0.1 + i AS share FROM range(150000) AS r(i)`
  const dataset = await datasetOf(temporaryFolder(), 'sales', columns, many)
  const target = exportOf('sales.csv', { columns, orderBy: ['id'] })
  const request = requestOf(dataset, { export: target, partition: undefined })
  const store = freshStore()
  await expect(
    deliver(
      request,
      store,
      testContext(),
      writing((sql) => sql.replace('t."name" AS', `CASE WHEN t."id" = 140000 THEN 'other' ELSE t."name" END AS`), 150_000),
    ),
  ).rejects.toMatchObject({ place: { column: 'name' } })
  await expect(
    deliver(
      request,
      store,
      testContext(),
      writing((sql) => sql.replace('t."name" AS', `error('gone') AS`)),
    ),
  ).rejects.toThrow(/gone/)
  expect(await keysOf(store)).toEqual([])
  expect(await run(request, store)).toMatchObject({ rows: 150_000 })
})
