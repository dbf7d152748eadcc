import { expect, test } from 'vitest'
import { openDuckDB } from '../../lib/engines/duckdb.ts'
import type { OpenEngine } from '../../lib/engines/engine-pool.ts'
import { arrow, type Export, excel, ndjson, parquet } from '../../lib/export/contract/export.ts'
import { tableContract } from '../../lib/export/contract/table-contract.ts'
import { deliver } from '../../lib/export/deliver.ts'
import { temporaryFolder, testContext } from '../kit/context.ts'
import { datasetOf } from '../kit/dataset.ts'
import { freshStore, keysOf, requestOf } from './kit.ts'

const columns = { id: 'int32', word: 'text', at: 'timestamptz', n: 'decimal(20,2)' } as const
const contract = tableContract({ columns, orderBy: ['id'] })
const ROWS = `SELECT i AS id, ['', 'Zoë', NULL][i] AS word, TIMESTAMPTZ '2018-02-04 05:06:07+00' + to_hours(i) AS "at", i * 1.5 AS n FROM range(1, 4) AS r(i)`

const targets: readonly Export<never>[] = [
  ndjson('a.ndjson', { contract, bigNumbers: 'number' }),
  parquet('a.parquet', { contract }),
  arrow('a.arrow', { contract }),
  excel('a.xlsx', { contract, bigNumbers: 'text', zone: 'Europe/Warsaw' }),
]

/** Other rows than those of the dataset, as many. */
const TWINS = [
  [
    'an empty text that is NULL',
    `SELECT * REPLACE (nullif(word, '') AS word) FROM (${ROWS})`,
    '"word" is NULL in 2 rows, and in 1 of the dataset',
  ],
  ['another text', `SELECT * REPLACE (replace(word, 'ë', 'e') AS word) FROM (${ROWS})`, '"word" has other values'],
  ['another instant', `SELECT * REPLACE ("at" + INTERVAL 1 SECOND AS "at") FROM (${ROWS})`, '"at" has other values'],
  ['a decimal place less', `SELECT * REPLACE (round(n, 0) AS n) FROM (${ROWS})`, '"n" has other values'],
  [
    'other rows beside each other',
    `SELECT 4 - id AS id, word, "at", n FROM (${ROWS})`,
    'each column has its values, but they stand in other rows',
  ],
] as const

test.each(targets.flatMap((target) => TWINS.map((twin) => [target.format, ...twin, target] as const)))(
  '%s with %s is not published',
  async (_format, _what, select, message, target) => {
    const folder = temporaryFolder()
    const [dataset, twin] = [await datasetOf(folder, 'd', columns, ROWS), await datasetOf(folder, 'd', columns, select)]
    const [right = '', wrong = ''] = [dataset.files[0], twin.files[0]]
    // Only what writes is led to the other file.
    const openEngine: OpenEngine = async (options) => {
      const db = await openDuckDB(options)
      return { ...db, run: (sql, ...more) => db.run(sql.replaceAll(right, wrong), ...more) }
    }
    const store = freshStore()
    const delivered = deliver(requestOf(dataset, { export: target as Export, partition: undefined }), store, testContext(), openEngine)
    await expect(delivered).rejects.toThrow(`what was written is not the dataset: ${message}`)
    expect(await keysOf(store)).toEqual([])
  },
)
