import { expect, test } from 'vitest'
import { PermanentError } from '../../lib/core/errors.ts'
import { openDuckDB } from '../../lib/engines/duckdb.ts'
import type { OpenEngine } from '../../lib/engines/engine-pool.ts'
import { excel, ndjson } from '../../lib/export/contract/export.ts'
import { tableContract } from '../../lib/export/contract/table-contract.ts'
import { deliver } from '../../lib/export/deliver.ts'
import { temporaryFolder, testContext } from '../kit/context.ts'
import { datasetOf } from '../kit/dataset.ts'
import { exportOf, freshStore, keyOf, requestOf } from './kit.ts'
import { deliverSelect } from './table-kit.ts'

// More than DuckDB lets expressions be deep.
const columns = Object.fromEntries(Array.from({ length: 600 }, (_, i) => [`c${i}`, 'int32' as const]))
const select = `SELECT ${Object.keys(columns).map((name, i) => (i === 7 ? `CAST(NULL AS INTEGER) AS ${name}` : `CAST(${i} AS INTEGER) AS ${name}`))}`
const contract = tableContract({ columns, orderBy: ['c0'] })

test.each([excel('wide.xlsx', { contract }), ndjson('wide.ndjson', { contract })])(
  'a row of many columns is written: $path',
  async (target) => {
    const { faults, bytes } = await deliverSelect(columns, select, target)
    expect(faults).toEqual([])
    if (target.path.endsWith('.ndjson')) expect(JSON.parse(bytes.toString())).toMatchObject({ c0: 0, c7: null, c599: 599 })
  },
)

test('a comparison that has not memory enough is told as that, with what helps', async () => {
  const wide = Object.fromEntries([['id', 'int32' as const], ...Array.from({ length: 600 }, (_, i) => [`c${i}`, 'int32' as const])])
  const rows = (from: number) =>
    datasetOf(
      temporaryFolder(),
      'wide',
      wide,
      `SELECT 1::INTEGER AS id, ${Array.from({ length: 600 }, (_, i) => `${from + i}::INTEGER AS c${i}`)}`,
    )
  const target = exportOf('wide.csv', { columns: wide, orderBy: ['id'], gate: { changed: 0.5 } } as never)
  const store = freshStore()
  const request = async (from: number) =>
    requestOf(await rows(from), { export: target, partition: undefined, inputKey: keyOf(String(from)) })
  await deliver(await request(0), store, testContext())
  // Of a comparison order is nobody's concern.
  const little: OpenEngine = (options) => openDuckDB({ ...options, ...(options.preserveOrder === false && { memoryBytes: 32e6 }) })
  const error = await deliver(await request(1), store, testContext(), little).catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(PermanentError)
  expect(error).toMatchObject({
    message: expect.stringMatching(/^DuckDB could not compare the deliveries: Out of Memory Error: /),
    hint: 'raise --memory or limits.memory',
    place: { stage: 'export', dataset: 'wide' },
  })
})
