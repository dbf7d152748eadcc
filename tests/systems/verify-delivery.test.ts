import { execFile } from 'node:child_process'
import { appendFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { arrow, excel, ndjson, parquet } from '../../lib/export/contract/export.ts'
import { tableContract } from '../../lib/export/contract/table-contract.ts'
import { deliver } from '../../lib/export/deliver.ts'
import { exportOf, freshStore, requestOf } from '../export/kit.ts'
import { namedDelivery } from '../export/named-delivery.ts'
import type { TestContract } from '../export/names.ts'
import { deliverSelect } from '../export/table-kit.ts'
import { temporaryFolder, testContext } from '../kit/context.ts'
import { datasetOf } from '../kit/dataset.ts'
import { CHECKOUT } from '../kit/project.ts'

const columns = { id: 'int64', name: 'text', amount: 'decimal(10,2)' } as const
const SCRIPT = join(CHECKOUT, 'docs/verify_delivery.py')
const RECIPE = /```sh recipe\n([^`]+)```/.exec(readFileSync(join(CHECKOUT, 'docs/verifying.md'), 'utf8'))?.[1] ?? ''

async function said(file: string, args: readonly string[], cwd: string): Promise<{ code: number; text: string }> {
  try {
    const { stdout, stderr } = await promisify(execFile)(file, args, { cwd })
    return { code: 0, text: stdout + stderr }
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string }
    return { code, text: stdout + stderr }
  }
}

async function delivered(options: Partial<TestContract<typeof columns>> = {}) {
  const select = `SELECT range AS id, CASE range % 5 WHEN 0 THEN NULL WHEN 1 THEN '' WHEN 2 THEN 'say "hi", \\ or' || chr(10) || 'not' ELSE 'Zürich; ' || range END AS name, (range / 7)::DECIMAL(10,2) AS amount FROM range(5000)`
  const dataset = await datasetOf(temporaryFolder(), 'd', columns, select)
  const root = temporaryFolder()
  const target = exportOf('d/names.csv', { columns, orderBy: ['id'], ...options })
  const { files } = await deliver(requestOf(dataset, { export: target, partition: undefined }), freshStore(root), testContext())
  return { folder: join(root, 'store/d/names'), file: join(root, 'store', files[0] ?? '') }
}

describe("the consumer's Python script", () => {
  test.each<[string, Partial<TestContract<typeof columns>>]>([
    ['plain', {}],
    ['gzip', { compression: 'gzip', delimiter: '\t', header: false }],
    ['a backslash before quotes', { quoting: 'all', escape: '\\', null: 'NULL' }],
    ['UTF-16 with a mark', { encoding: 'utf-16le', byteOrderMark: true, lineEnd: '\r\n' }],
    ['Windows-1252', { encoding: 'windows-1252', unfit: 'fail', quoting: 'nonNumeric', decimalPoint: ',' }],
    ['Latin-1', { encoding: 'latin-1', unfit: 'fail', delimiter: ';' }],
  ])('finds a delivery as delivered: %s', async (_, options) => {
    const { folder } = await delivered(options)
    expect(await said('python3', [SCRIPT, folder], folder)).toEqual({ code: 0, text: `${folder}: as delivered\n` })
  })

  test('finds one flipped byte, a missing file, a missing manifest, and no delivery', async () => {
    const { folder, file } = await delivered()
    const bytes = readFileSync(file)
    bytes[30] = (bytes[30] ?? 0) ^ 1
    rmSync(file)
    writeFileSync(file, bytes)
    expect(await said('python3', [SCRIPT, folder], folder)).toMatchObject({ code: 3, text: expect.stringContaining('has SHA-256') })
    rmSync(file)
    expect(await said('python3', [SCRIPT, folder], folder)).toMatchObject({ code: 3, text: expect.stringContaining('is missing') })
    const [manifest = ''] = readdirSync(folder).filter((name) => name.startsWith('manifest-'))
    rmSync(join(folder, manifest))
    expect(await said('python3', [SCRIPT, folder], folder)).toMatchObject({
      code: 3,
      text: expect.stringContaining('that latest.json names'),
    })
    expect(await said('python3', [SCRIPT, '/nowhere'], folder)).toMatchObject({
      code: 2,
      text: expect.stringContaining('holds no delivery'),
    })
  })
})

test('the Python script and the shell recipe hold the bytes of other formats, and do not count their rows', async () => {
  const table = tableContract({ columns, orderBy: ['id'] })
  const targets = [
    ...[ndjson('n.ndjson', { contract: table, bigNumbers: 'text', compression: 'gzip' }), parquet('n.parquet', { contract: table })],
    ...[arrow('n.arrow', { contract: table }), excel('n.xlsx', { contract: table, bigNumbers: 'text' })],
  ]
  for (const target of targets) {
    const { path } = await deliverSelect(columns, "SELECT range AS id, 'x' AS name, 1.5 AS amount FROM range(10)", target)
    const folder = dirname(path)
    expect(await said('python3', [SCRIPT, folder], folder)).toEqual({ code: 0, text: `${folder}: as delivered\n` })
    expect(await said('sh', ['-c', RECIPE], folder)).toEqual({ code: 0, text: 'as delivered: 10 rows\n' })
    appendFileSync(path, ' ')
    const faulty = await said('python3', [SCRIPT, folder], folder)
    expect(faulty).toMatchObject({ code: 3, text: expect.stringMatching(/has \d+ bytes, not \d+\n.*has SHA-256/) })
  }
})

test('the shell recipe of docs/verifying.md finds a delivery as delivered, and one that is not', async () => {
  const { folder, file } = await delivered({ compression: 'gzip' })
  expect(await said('sh', ['-c', RECIPE], folder)).toEqual({ code: 0, text: 'as delivered: 5000 rows\n' })
  const bytes = readFileSync(file)
  rmSync(file)
  writeFileSync(file, bytes.subarray(1))
  expect((await said('sh', ['-c', RECIPE], folder)).code).not.toBe(0)
})

test('the script and the recipe read a named delivery, and find a fault of one of its files', async () => {
  const { folder, object } = await namedDelivery()
  expect(await said('python3', [SCRIPT, folder], folder)).toEqual({ code: 0, text: `${folder}: as delivered\n` })
  expect(await said('sh', ['-c', RECIPE], folder)).toEqual({ code: 0, text: 'as delivered: 5 rows\n' })
  writeFileSync(join(folder, object), 'id,name\n')
  expect(await said('python3', [SCRIPT, folder], folder)).toMatchObject({
    code: 3,
    text: expect.stringContaining(`${object} has 0 records, not 2`),
  })
  expect((await said('sh', ['-c', RECIPE], folder)).code).not.toBe(0)
})

test('the script and the recipe take what is right in odd forms, and tell of damage without a traceback', async () => {
  const one = { v: 'text' } as const
  const dataset = await datasetOf(temporaryFolder(), 'd', one, "SELECT * FROM (VALUES ('a'), (NULL), ('b' || chr(0) || 'c')) AS t(v)")
  const root = temporaryFolder()
  const target = exportOf('odd.csv', { columns: one, orderBy: ['v'], compression: 'gzip' })
  const { files } = await deliver(requestOf(dataset, { export: target, partition: undefined }), freshStore(root), testContext())
  const folder = join(root, 'store/odd')
  expect(await said('python3', [SCRIPT, folder], folder)).toEqual({ code: 0, text: `${folder}: as delivered\n` })
  const file = join(root, 'store', files[0] ?? '')
  const bytes = readFileSync(file)
  bytes.fill(0xff, 12, 16)
  rmSync(file)
  writeFileSync(file, bytes)
  const damaged = await said('python3', [SCRIPT, folder], folder)
  expect(damaged.code).toBe(3)
  expect(damaged.text).not.toContain('Traceback')

  const empty = await datasetOf(temporaryFolder(), 'e', one, "SELECT 'a' AS v LIMIT 0")
  const none = exportOf('none.csv', { columns: one, orderBy: ['v'], zeroRows: 'noFile' })
  await deliver(requestOf(empty, { export: none, partition: undefined }), freshStore(root), testContext())
  expect(await said('sh', ['-c', RECIPE], join(root, 'store/none'))).toEqual({ code: 0, text: 'as delivered: 0 rows\n' })
  rmSync(join(root, 'store/none/latest.json'))
  writeFileSync(join(root, 'store/none/latest.json'), 'no JSON')
  expect(await said('python3', [SCRIPT, join(root, 'store/none')], root)).toMatchObject({
    code: 3,
    text: expect.stringContaining('is no JSON'),
  })
})
