import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { duckdb } from '../../../lib/connectors/duckdb/index.ts'
import type { Disposition, LoadRequest } from '../../../lib/connectors/warehouse.ts'
import { ConfigError, PermanentError } from '../../../lib/core/errors.ts'
import { openDuckDB } from '../../../lib/engines/duckdb.ts'
import { NO_EXTENSIONS } from '../../../lib/engines/extensions.ts'
import { testContext } from '../../kit/context.ts'
import { datasetOf, queryFile } from '../../kit/dataset.ts'
import { COLUMNS, requestOf, setup, thrownBy } from './kit.ts'

describe('duckdb refuses', () => {
  it('a table that it did not make, a view, its own table, and columns that it cannot have', async () => {
    const { file, warehouse, request, dataset } = await setup()
    await warehouse.load(request, testContext())
    const db = await openDuckDB({ file, memoryBytes: 2 ** 28, threads: 1, temp: `${file}.tmp` })
    await db.run('CREATE TABLE foreign_table (id BIGINT, value VARCHAR)')
    await db.run('CREATE VIEW some_view AS SELECT 1 AS id')
    db.close()
    const refusal = (options: Partial<LoadRequest>) => thrownBy(warehouse.load(requestOf(dataset, options), testContext()))
    const cases: [Partial<LoadRequest>, string][] = [
      [
        { table: 'foreign_table' },
        'table "foreign_table" is in the warehouse but was not made by millrace: it has no columns _partition and _load',
      ],
      [{ table: 'SOME_VIEW' }, '"SOME_VIEW" is a view in the warehouse'],
      [{ table: '_Millrace_Tokens' }, 'table "_Millrace_Tokens" is the warehouse\'s own'],
      [
        { dataset: { ...dataset, columns: { ...COLUMNS, _LOAD: 'text' } } },
        'column "_LOAD" of "numbers" has the name of a column that the warehouse adds itself',
      ],
      [
        { dataset: { ...dataset, columns: { ...COLUMNS, ID: 'text' } } },
        'columns "id" and "ID" of "numbers" differ only by case, which DuckDB does not tell apart',
      ],
      [
        { disposition: { mode: 'merge', key: ['id'], order: 'seen' } },
        'merge into "numbers" needs the column "seen", which numbers does not have',
      ],
    ]
    for (const [options, message] of cases) {
      const error = await refusal({ expected: options.table || options.disposition === undefined ? undefined : request.token, ...options })
      expect(error).toBeInstanceOf(ConfigError)
      expect(error.message).toBe(message)
    }
    expect(await warehouse.tokens('test', testContext())).toEqual([request.token])
  })

  it('a folder that cannot be made, and a file of the dataset that cannot be read', async () => {
    const { folder, file, dataset, warehouse } = await setup()
    writeFileSync(join(folder, 'plain'), '')
    expect(
      await thrownBy(
        duckdb(join(folder, 'plain', 'w'))
          .openWarehouse({ extensions: NO_EXTENSIONS })
          .load(requestOf(dataset), testContext()),
      ),
    ).toBeInstanceOf(PermanentError)
    rmSync(dataset.files[0] ?? '')
    const error = await thrownBy(warehouse.load(requestOf(dataset), testContext()))
    expect(error).toBeInstanceOf(PermanentError)
    expect(error.message).toContain('a file of the dataset cannot be read')
    expect(await queryFile(file, "SELECT 1 FROM duckdb_tables() WHERE table_name = 'numbers'")).toEqual([])
  })
})

describe('duckdb merge', () => {
  it('of many rows into more stays a set operation within the memory limit', async () => {
    const { folder, file, warehouse } = await setup()
    const limits = { memoryBytes: 256 * 2 ** 20, threads: 2, readerMemoryBytes: 2 ** 30, readerTimeoutMs: 60_000 }
    const merge: Disposition = { mode: 'merge', key: ['id'] }
    const many = await datasetOf(folder, 'numbers', COLUMNS, 'SELECT range AS id, md5(range::VARCHAR) AS value FROM range(1_000_000)')
    const some = await datasetOf(folder, 'numbers', COLUMNS, "SELECT range * 3 AS id, 'new' AS value FROM range(400_000)")
    await warehouse.load(requestOf(many, { disposition: merge }), testContext({ limits }))
    const first = requestOf(some, { disposition: merge })
    const receipt = await warehouse.load({ ...first, expected: first.token }, testContext({ limits }))
    expect(receipt).toEqual({ rows: 400_000, removed: 333_334, superseded: 0, added: [] })
    expect(
      await queryFile(file, "SELECT count(*) AS n, count(DISTINCT id) AS ids, count(*) FILTER (WHERE value = 'new') AS fresh FROM numbers"),
    ).toEqual([{ n: '1066666', ids: '1066666', fresh: '400000' }])
  })
})
