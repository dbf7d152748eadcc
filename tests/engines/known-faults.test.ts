import { DuckDBInstance } from '@duckdb/node-api'
import { expect, it, onTestFinished, test } from 'vitest'
import { openDuckDB } from '../../lib/engines/duckdb.ts'
import { faultsOf, KNOWN_FAULTS } from '../../lib/engines/known-faults.ts'
import { temporaryFolder } from '../kit/context.ts'

async function engine() {
  const db = await openDuckDB({ memoryBytes: 128 * 2 ** 20, threads: 1, temp: temporaryFolder() })
  onTestFinished(() => db.close())
  return db
}

// When it fails, this DuckDB has the fault no more: the pass can be switched on again.
it.each(KNOWN_FAULTS)('KNOWN_FAULTS has a case that shows $issue under DuckDB’s own settings', async ({ setup, query, wrong }) => {
  const connection = await (await DuckDBInstance.create(':memory:')).connect()
  onTestFinished(() => connection.closeSync())
  for (const statement of setup) await connection.run(statement)
  expect(Number((await (await connection.run(query)).getRows())[0]?.[0])).toBe(wrong)
})

test('faultsOf finds none where openDuckDB holds them off, and all where it does not', async () => {
  expect(await faultsOf(await engine())).toEqual([])
  const db = await engine()
  await db.run("SET disabled_optimizers = ''")
  expect((await faultsOf(db)).map(({ issue }) => issue)).toEqual(KNOWN_FAULTS.map(({ issue }) => issue))
})
