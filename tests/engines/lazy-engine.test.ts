import { join } from 'node:path'
import { expect, it } from 'vitest'
import { openDuckDB } from '../../lib/engines/duckdb.ts'
import { lazyEngine } from '../../lib/engines/lazy-engine.ts'
import { temporaryFolder } from '../kit/context.ts'

it('lazyEngine opens once, at the first use, and closes what it has opened', async () => {
  let [opened, closed] = [0, 0]
  const lazy = () =>
    lazyEngine(async () => {
      opened++
      const db = await openDuckDB({ memoryBytes: 2 ** 27, threads: 1, temp: join(temporaryFolder(), 'spill') })
      const close = () => {
        closed++
        db.close()
      }
      return { ...db, close }
    })
  const unused = lazy()
  expect(() => unused.connection).toThrow(RangeError)
  await unused.release()
  unused.close()
  await expect(unused.run('SELECT 1')).rejects.toThrow(RangeError)
  expect([opened, closed]).toEqual([0, 0])
  const used = lazy()
  expect(await Promise.all([used.meta('SELECT 1 AS a'), used.meta('SELECT 2 AS a')])).toEqual([[{ a: '1' }], [{ a: '2' }]])
  expect(used.connection).toBeDefined()
  used.close()
  await expect.poll(() => [opened, closed]).toEqual([1, 1])
})
