import { createHash } from 'node:crypto'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { checksums } from '../../lib/core/checksums.ts'
import { quoteLiteral } from '../../lib/core/quote.ts'
import { openDuckDB } from '../../lib/engines/duckdb.ts'
import { contract } from '../../lib/export/contract/contract.ts'
import { csv, type Export, ndjson, parquet } from '../../lib/export/contract/export.ts'
import { tableContract } from '../../lib/export/contract/table-contract.ts'
import { deliver } from '../../lib/export/deliver.ts'
import { deliveryFolders } from '../../lib/export/verify/delivery-folders.ts'
import { scratchIn } from '../../lib/export/verify/scratch.ts'
import { type VerifiedDelivery, verifyDelivery } from '../../lib/export/verify/verify-delivery.ts'
import { temporaryFolder, testContext } from '../kit/context.ts'
import { datasetOf } from '../kit/dataset.ts'
import { freshStore, requestOf } from './kit.ts'

const columns = { id: 'int64', name: 'text', day: 'date' } as const
const promises = { columns, orderBy: ['id'] } as const
const rows = `SELECT * FROM (VALUES (1, 'a', DATE '2026-01-01'), (2, '', NULL), (3, NULL, DATE '2026-01-03'), (4, 'd', NULL)) AS t(id, name, day)`
const table = tableContract(promises)

/** A delivery of four rows. */
async function delivered(target: Export<never>) {
  const root = temporaryFolder()
  const dataset = await datasetOf(temporaryFolder(), 'd', columns, rows)
  const receipt = await deliver(requestOf(dataset, { export: target as Export, partition: undefined }), freshStore(root), testContext())
  const store = join(root, 'store')
  return { store, files: receipt.files.map((key) => join(store, key)), manifest: join(store, receipt.manifest ?? '') }
}

/** Puts another file in a delivered one's place, and has the manifest and latest.json say its size and sums: nothing but the proof tells them apart. */
function replaced({ store, files, manifest }: Awaited<ReturnType<typeof delivered>>, bytes: Uint8Array, n = 0): void {
  const [file = ''] = files.slice(n)
  const sums = checksums()
  sums.add(bytes)
  rmSync(file)
  writeFileSync(file, bytes)
  const said = JSON.parse(readFileSync(manifest, 'utf8')) as { files: object[] }
  said.files[n] = { ...said.files[n], ...sums.result() }
  rewritten(store, manifest, said)
}

function rewritten(store: string, manifest: string, said: object): void {
  const json = JSON.stringify(said)
  rmSync(manifest)
  writeFileSync(manifest, json)
  const latestPath = join(store, 'out/latest.json')
  const latest = JSON.parse(readFileSync(latestPath, 'utf8')) as { run: object }
  const manifestSha256 = createHash('sha256').update(json).digest('hex')
  writeFileSync(latestPath, JSON.stringify({ ...latest, run: { ...latest.run, manifestSha256 } }))
}

async function verified(place: string): Promise<VerifiedDelivery | undefined> {
  const { signal } = new AbortController()
  await using scratch = scratchIn(temporaryFolder())
  const [folder] = await deliveryFolders(place, signal)
  return folder && verifyDelivery(folder, { scratch, signal })
}

const faults = async (place: string) => (await verified(place))?.faults.map((fault) => fault.replace(/^\S+ /, ''))

/** What a reader who has bytes and sums alone would take. */
const TWINS: readonly (readonly [what: string, file: string, fault: string])[] = [
  ['an empty text as NULL', '1,a,2026-01-01\n2,,\n3,,2026-01-03\n4,d,\n', 'has 2 NULLs in "name", not 1'],
  ['another value', '1,a,2026-01-01\n2,"",\n3,,2026-01-03\n4,e,\n', 'has other values in "name" than were proved'],
  [
    'values in other rows',
    '1,a,2026-01-03\n2,"",\n3,,2026-01-01\n4,d,\n',
    'has the values of each column, but in other rows than were proved',
  ],
  ['rows in another order', '2,"",\n1,a,2026-01-01\n3,,2026-01-03\n4,d,\n', 'has its rows in another order than was proved'],
  [
    'a value that is none',
    '1,a,2026-01-01\n2,"",\n3,,2026-02-30\n4,d,\n',
    'does not read back: in row 3 "2026-02-30" is no date, column "day"',
  ],
  ['a field too many', '1,a,2026-01-01\n2,"",,\n3,,2026-01-03\n4,d,\n', 'does not read back: in row 2 there are more than 3 fields'],
]

test.each(TWINS)('of CSV, %s is found by the proof alone', async (_, body, fault) => {
  const one = await delivered(csv('out.csv', { contract: contract({ ...promises, formulas: 'raw' }) }))
  expect(await verified(one.store)).toMatchObject({ files: { count: 1, proved: 1 }, faults: [] })
  replaced(one, Buffer.from(`id,name,day\n${body}`))
  expect((await faults(one.store))?.join('\n')).toContain(fault)
})

test('split and compressed CSV is proved file by file, each by its place in the whole', async () => {
  const options = { ...promises, formulas: 'raw', split: { rows: 2 }, compression: 'gzip', delimiter: ';', dateFormat: '%d.%m.%Y' } as const
  const one = await delivered(csv('out.csv', { contract: contract(options) }))
  expect(await verified(one.store)).toMatchObject({ files: { count: 2, proved: 2 }, faults: [] })
  replaced(one, gzipSync('id;name;day\n4;d;\n3;;03.01.2026\n'), 1)
  expect(await faults(one.store)).toEqual(['has its rows in another order than was proved'])
})

test('of Parquet and lines of JSON, other rows are found by the proof alone', async () => {
  const swapped = rows.replace('VALUES (1, ', 'VALUES (9, ').replace('(4, ', '(1, ').replace('(9, ', '(4, ')
  const db = await openDuckDB({ memoryBytes: 2 ** 28, threads: 1, temp: temporaryFolder() })
  const path = join(temporaryFolder(), 'other')
  try {
    for (const [target, format] of [
      [parquet('out.parquet', { contract: table }), 'parquet'],
      [ndjson('out.ndjson', { contract: table, bigNumbers: 'number', compression: 'zstd' }), 'json, compression zstd'],
    ] as const) {
      const one = await delivered(target)
      expect(await verified(one.store)).toMatchObject({ files: { count: 1, proved: 1 }, faults: [] })
      for (const [select, fault] of [
        [rows, 'has its rows in another order than was proved'],
        [swapped, 'has the values of each column, but in other rows than were proved'],
      ] as const) {
        const typed = `SELECT CAST(id AS BIGINT) AS id, name, day FROM (${select}) ORDER BY id DESC`
        await db.run(`COPY (${typed}) TO ${quoteLiteral(path)} (FORMAT ${format})`)
        replaced(one, readFileSync(path))
        expect(await faults(one.store), format).toEqual([fault])
      }
    }
  } finally {
    db.close()
  }
})

test('files that need room to be read say where there is none', async () => {
  const nowhere = join(temporaryFolder(), 'nowhere')
  await using scratch = scratchIn(nowhere)
  await expect(scratch.folder()).rejects.toThrow(`there is no folder ${nowhere}`)
})

test('a file of a format that has types goes to no engine where its bytes are not the delivered ones', async () => {
  const one = await delivered(parquet('out.parquet', { contract: table }))
  const [file = ''] = one.files
  const bytes = readFileSync(file)
  bytes[8] = (bytes[8] ?? 0) ^ 1
  rmSync(file)
  writeFileSync(file, bytes)
  const found = await verified(one.store)
  expect(found).toMatchObject({ files: { count: 1, proved: 0 } })
  expect(found?.faults).toEqual([expect.stringContaining('crc32c'), expect.stringContaining('SHA-256')])
})

test('a manifest without a proof, or with a type that is none, is told apart', async () => {
  const one = await delivered(csv('out.csv', { contract: contract({ ...promises, formulas: 'raw' }) }))
  const said = readFileSync(one.manifest, 'utf8')
  const { files, ...rest } = JSON.parse(said) as { files: object[] }
  rewritten(one.store, one.manifest, { ...rest, files: files.map((each) => ({ ...each, proof: undefined })) })
  expect(await verified(one.store)).toMatchObject({ files: { count: 1, proved: 0 }, faults: [] })
  rewritten(one.store, one.manifest, JSON.parse(said.replace('"type": "date"', '"type": "day"')) as object)
  expect(await faults(one.store)).toEqual([expect.stringContaining('cannot be read by its contract: ')])
})
