import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { expect, onTestFinished, test } from 'vitest'
import { ConfigError, DamagedError, NotFound, TransientError } from '../../lib/core/errors.ts'
import { deliver } from '../../lib/export/deliver.ts'
import { deliveryFolders } from '../../lib/export/verify/delivery-folders.ts'
import { scratchIn } from '../../lib/export/verify/scratch.ts'
import { verifyDelivery } from '../../lib/export/verify/verify-delivery.ts'
import { temporaryFolder, testContext } from '../kit/context.ts'
import { datasetOf } from '../kit/dataset.ts'
import { exportOf, freshStore, requestOf } from './kit.ts'
import { namedDelivery } from './named-delivery.ts'
import type { TestContract } from './names.ts'

const columns = { id: 'int64', name: 'text' } as const
const never = new AbortController().signal

/** Delivers three rows, one of them over two lines; gives the store's folder and the delivery's. */
async function delivered(options: Partial<TestContract<typeof columns>> = {}) {
  const select = `SELECT * FROM (VALUES (1, 'Łódź, "x"'), (2, 'two' || chr(10) || 'lines'), (3, NULL)) AS t(id, name)`
  const dataset = await datasetOf(temporaryFolder(), 'names', columns, options.unfit ? select.replace('Łódź', 'Köln') : select)
  const root = temporaryFolder()
  const target = exportOf('out/names.csv', { columns, orderBy: ['id'], ...options })
  const receipt = await deliver(requestOf(dataset, { export: target, partition: undefined }), freshStore(root), testContext())
  const store = join(root, 'store')
  return {
    root: store,
    folder: join(store, 'out/names'),
    file: join(store, receipt.files[0] ?? ''),
    manifest: join(store, receipt.manifest ?? ''),
  }
}

const verified = async (place: string) => {
  await using scratch = scratchIn(temporaryFolder())
  return Promise.all((await deliveryFolders(place, never)).map((folder) => verifyDelivery(folder, { scratch, signal: never })))
}

test.each<[string, Partial<TestContract<typeof columns>>]>([
  ['plain', {}],
  ['gzip', { compression: 'gzip' }],
  ['zstd', { compression: 'zstd', byteOrderMark: true }],
  ['utf-16le', { encoding: 'utf-16le', byteOrderMark: true, lineEnd: '\r\n' }],
  ['windows-1252', { encoding: 'windows-1252', unfit: 'fail', delimiter: ';' }],
  ['latin-1', { encoding: 'latin-1', unfit: 'fail', quoting: 'all', escape: '\\' }],
  ['without a header', { header: false }],
])('a delivery is as delivered: %s', async (_, options) => {
  const { root, folder } = await delivered(options)
  const [found, ...others] = await verified(root)
  expect(others).toEqual([])
  expect(found).toMatchObject({ folder, manifest: { rows: 3 }, files: { count: 1, proved: 1 }, faults: [] })
})

test('a delivery of no rows and no file is as delivered', async () => {
  const root = temporaryFolder()
  const dataset = await datasetOf(temporaryFolder(), 'names', columns, `SELECT 1::BIGINT AS id, 'a' AS name LIMIT 0`)
  const target = exportOf('names.csv', { columns, orderBy: ['id'], zeroRows: 'noFile' })
  await deliver(requestOf(dataset, { export: target, partition: undefined }), freshStore(root), testContext())
  expect(await verified(root)).toMatchObject([{ manifest: { rows: 0, files: [] }, faults: [] }])
})

test('a byte-order mark alone is a file of no rows', async () => {
  const root = temporaryFolder()
  const dataset = await datasetOf(temporaryFolder(), 'names', columns, `SELECT 1::BIGINT AS id, 'a' AS name LIMIT 0`)
  const target = exportOf('names.csv', { columns, orderBy: ['id'], header: false, encoding: 'utf-16le', byteOrderMark: true })
  await deliver(requestOf(dataset, { export: target, partition: undefined }), freshStore(root), testContext())
  expect(await verified(root)).toMatchObject([{ manifest: { rows: 0 }, faults: [] }])
})

test.each(['http://', 'gs://bucket/names'])('%s is no place to read from', async (place) => {
  await expect(verified(place)).rejects.toBeInstanceOf(ConfigError)
})

test('one flipped byte of a file is found', async () => {
  const { root, file } = await delivered()
  const bytes = readFileSync(file)
  bytes[12] = (bytes[12] ?? 0) ^ 1
  rmSync(file)
  writeFileSync(file, bytes)
  const [found] = await verified(root)
  expect(found?.faults).toEqual([
    expect.stringMatching(/csv has crc32c [0-9a-f]{8}, not /),
    expect.stringMatching(/csv has SHA-256 /),
    expect.stringMatching(/csv has other values in "name" than were proved$/),
  ])
})

test('a cut file is found by its size, its sums and its records', async () => {
  const { root, file } = await delivered()
  const bytes = readFileSync(file)
  rmSync(file)
  writeFileSync(file, bytes.subarray(0, bytes.indexOf('\nlines') + 3))
  const [found] = await verified(root)
  expect(found?.faults.join('\n')).toMatch(/has \d+ bytes, not \d+\n.*crc32c.*\n.*SHA-256.*\n.*ends inside quotes\n.*has 2 records, not 3$/)
})

test('a file that is no gzip, or cut gzip, is found', async () => {
  const { root, file } = await delivered({ compression: 'gzip' })
  const bytes = readFileSync(file)
  for (const other of [Buffer.from('id,name\n'), bytes.subarray(0, bytes.length - 6)]) {
    rmSync(file)
    writeFileSync(file, other)
    expect((await verified(root))[0]?.faults[0]).toMatch(/ is no gzip: /)
  }
})

test('bytes that are no text in the encoding are found, and the sums are of the whole file', async () => {
  const { root, file } = await delivered()
  const bytes = readFileSync(file)
  for (const other of [Buffer.concat([Buffer.from('id,name\n1,\xff', 'latin1'), bytes]), Buffer.concat([bytes, Buffer.from([0xc5])])]) {
    rmSync(file)
    writeFileSync(file, other)
    const [found] = await verified(root)
    expect(found?.faults[0]).toMatch(new RegExp(`has ${other.length} bytes, not ${bytes.length}`))
    expect(found?.faults.at(-1)).toMatch(/ is no utf-8: /)
  }
})

test('what is missing is named', async () => {
  const one = await delivered()
  rmSync(one.file)
  expect((await verified(one.root))[0]?.faults).toEqual([expect.stringMatching(/^[0-9a-f]{12}-[0-9a-f]{8}\.csv is missing$/)])
  const two = await delivered()
  rmSync(two.manifest)
  expect((await verified(two.root))[0]?.faults).toEqual([expect.stringMatching(/^manifest-.*\.json is missing$/)])
})

test('a manifest that says something else than was delivered is found', async () => {
  const { root, manifest } = await delivered()
  const text = readFileSync(manifest, 'utf8')
  rmSync(manifest)
  writeFileSync(
    manifest,
    text
      .replace('"rows": 3,\n  "contract"', '"rows": 4,\n  "contract"')
      .replace('"name": "name",\n        "type"', '"name": "nom",\n        "type"'),
  )
  const [found] = await verified(root)
  expect(found?.faults.join('\n')).toMatch(
    /has SHA-256 \w+, and latest.json names \w+\n.*counts 4 rows, its files have others\n.*has the header \["id","name"\], not \["id","nom"\]/,
  )
  rmSync(manifest)
  writeFileSync(manifest, '{}')
  expect((await verified(root))[0]?.faults).toEqual([expect.stringMatching(/is not what millrace writes there$/)])
})

test('deliveries are found at any depth, and nothing else', async () => {
  const { root, folder } = await delivered()
  mkdirSync(join(root, 'a/b'), { recursive: true })
  renameSync(folder, join(root, 'a/b/c'))
  mkdirSync(join(root, '_tmp/x'), { recursive: true })
  writeFileSync(join(root, '_tmp/x/latest.json'), '{}')
  expect((await verified(root)).map(({ folder: each }) => each)).toEqual([join(root, 'a/b/c')])
  await expect(deliveryFolders(temporaryFolder(), never)).rejects.toThrow(ConfigError)
  await expect(deliveryFolders(join(root, 'nowhere'), never)).rejects.toThrow('is no folder')
})

test('a delivery is read over HTTP', async () => {
  const { folder } = await delivered({ compression: 'gzip' })
  let status = 0
  const server = createServer(({ url = '' }, response) => {
    try {
      const body = readFileSync(join(folder, url.replace('/d/', '')))
      response.writeHead(status || 200).end(body)
    } catch {
      response.writeHead(404).end()
    }
  }).listen(0)
  onTestFinished(() => void server.close())
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  for (const place of [`${base}/d`, `${base}/d/`, `${base}/d/latest.json`])
    expect((await verified(place))[0]).toMatchObject({ folder: place, faults: [] })
  await expect(verified(`${base}/e`)).rejects.toThrow(NotFound)
  status = 500
  await expect(verified(`${base}/d`)).rejects.toThrow(TransientError)
  server.close()
  server.closeAllConnections()
  await expect(verified(`${base}/d`)).rejects.toThrow('does not answer')
})

test('a named delivery is as delivered in all its members, and a fault of one is told with its place', async () => {
  const { folder, object, memberManifest } = await namedDelivery()
  expect(await verified(folder)).toMatchObject([{ manifest: { rows: 5, members: [{ rows: 3 }, { rows: 2 }] }, faults: [] }])
  writeFileSync(join(folder, object), readFileSync(join(folder, object)).subarray(1))
  const said = readFileSync(join(folder, memberManifest), 'utf8')
  writeFileSync(join(folder, memberManifest), said.replace('"rows": 2', '"rows": 3'))
  const [found] = await verified(folder)
  expect(found?.faults).toEqual([
    expect.stringContaining(`${memberManifest} has SHA-256`),
    `${object} has 25 bytes, not 26`,
    expect.stringContaining(`${object} has crc32c`),
    expect.stringContaining(`${object} has SHA-256`),
    `${object} has the header ["d","name"], not ["id","name"]`,
  ])
})

test('what its store finds damaged is read once more; damaged again, it is a fault, and the rest is looked at', async () => {
  const { folder } = await delivered()
  const [whole] = await deliveryFolders(folder, never)
  if (!whole) throw new Error('there is one')
  const damaged = async (times: number, ending: string) => {
    let left = times
    await using scratch = scratchIn(temporaryFolder())
    const open = async (name: string) => {
      if (!name.endsWith(ending) || left-- <= 0) return whole.open(name)
      return Readable.from(
        (async function* () {
          yield* await whole.open(name)
          throw new DamagedError(`s3://b/${name} was read with crc32c 00000000, not 11111111 as it is stored`)
        })(),
      )
    }
    return verifyDelivery({ ...whole, open }, { scratch, signal: never })
  }
  expect(await damaged(1, '.csv')).toMatchObject({ faults: [], files: { proved: 1 } })
  expect(await damaged(2, '.csv')).toMatchObject({ faults: [expect.stringContaining('is damaged: s3://b/')], files: { proved: 0 } })
  expect(await damaged(2, 'latest.json')).toMatchObject({ faults: [expect.stringContaining('latest.json is damaged')] })
})
