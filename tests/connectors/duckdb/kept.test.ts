import { existsSync } from 'node:fs'
import { expect, test, vi } from 'vitest'
import { duckdb } from '../../../lib/connectors/duckdb/index.ts'
import { NO_EXTENSIONS } from '../../../lib/engines/extensions.ts'
import { testContext } from '../../kit/context.ts'
import { queryFile } from '../../kit/dataset.ts'
import { holder, requestOf, setup, thrownBy } from './kit.ts'

const count = (file: string) => queryFile(file, 'SELECT count(*) AS n FROM numbers')

/** A warehouse whose file stays open for a moment, and a load of another partition each time. */
async function kept(keepOpenMs: number) {
  const { file, dataset } = await setup()
  const warehouse = duckdb(file).openWarehouse({ extensions: NO_EXTENSIONS, keepOpenMs })
  const load = (partition: string, inputKey = 'k1') =>
    warehouse.load(
      requestOf(dataset, {
        disposition: { mode: 'replacePartition' },
        token: { pipeline: 'test', table: 'numbers', partition, inputKey, loads: {} },
      }),
      testContext(),
    )
  return { file, warehouse, load, log: `${file}.wal` }
}

test('a file that stays open after a load serves the next, is whole at the end, and lets others in', async () => {
  const { file, warehouse, load, log } = await kept(60_000)
  for (const partition of ['a', 'b', 'c']) await load(partition)
  expect(existsSync(log)).toBe(true)
  // Other calls see what was loaded.
  expect((await warehouse.tokens('test', testContext())).map(({ partition }) => partition)).toEqual(['a', 'b', 'c'])
  await load('d')
  await warehouse.close()
  expect(existsSync(log)).toBe(false)
  expect(await count(file)).toEqual([{ n: '12' }])
})

test('nobody loads any more: the file is closed soon, and another process may have it', async () => {
  const { file, warehouse, load, log } = await kept(20)
  await load('a')
  await vi.waitFor(() => expect(existsSync(log)).toBe(false), 10_000)
  const child = await holder(file, 'read')
  child.kill('SIGKILL')
  await warehouse.close()
})

test('a load that fails closes the file; the next one finds it as it was', async () => {
  const { file, warehouse, load } = await kept(60_000)
  await load('a')
  expect((await thrownBy(load('a', 'k2'))).name).toBe('OutrunError')
  await load('b')
  await warehouse.close()
  expect(await count(file)).toEqual([{ n: '6' }])
})
