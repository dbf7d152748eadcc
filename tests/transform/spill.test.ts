import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { Dataset } from '../../lib/core/dataset.ts'
import { openDuckDB } from '../../lib/engines/duckdb.ts'
import { bindSteps } from '../../lib/transform/bind.ts'
import { transform } from '../../lib/transform/run.ts'
import { temporaryFolder, testContext } from '../kit/context.ts'

const ROWS = 1_500_000
const MEMORY = 256 * 2 ** 20
const columns = { id: 'int64', key: 'text', body: 'text' } as const

test('transform sorts, joins and removes duplicates of more than its memory, spilling to its workspace', async () => {
  const db = await openDuckDB({ memoryBytes: 2 ** 30, threads: 2, temp: temporaryFolder(), preserveOrder: false })
  onTestFinished(() => db.close())
  const file = join(temporaryFolder(), 'big.parquet')
  await db.run(
    `COPY (SELECT i AS id, printf('%020d', hash(i)) AS key, repeat(hash(i * 3)::VARCHAR, 6) AS body FROM range(${ROWS}) r(i)) TO '${file}' (FORMAT parquet)`,
  )
  const big: Dataset = { name: 'big', columns, files: [file], rows: ROWS, hash: 'h' }
  const bound = await bindSteps({
    extracted: { big: { columns, by: 'whole' } },
    steps: {
      sorted: { engine: 'duckdb', values: [], text: 'SELECT * FROM big ORDER BY key' },
      distinct: { engine: 'duckdb', values: [], text: 'SELECT DISTINCT key, body FROM big' },
      matched: { engine: 'duckdb', values: [], text: 'SELECT a.id, b.body FROM big a JOIN big b ON a.key = b.key' },
    },
    parameters: {},
    partitioned: 'none',
    wanted: [],
  })
  const ctx = testContext({ limits: { memoryBytes: MEMORY, threads: 2, readerMemoryBytes: MEMORY, readerTimeoutMs: 60_000 } })

  let spilled = 0
  const before = process.memoryUsage.rss()
  let most = before
  const watch = setInterval(() => {
    most = Math.max(most, process.memoryUsage.rss())
    spilled = Math.max(spilled, spillFiles(ctx.workspace))
  }, 20)
  const result = await transform(
    bound,
    { inputs: { big }, wanted: ['sorted', 'distinct', 'matched'], window: {}, parameters: {}, zone: 'UTC' },
    ctx,
  ).finally(() => clearInterval(watch))

  expect(spilled).toBeGreaterThan(0)
  expect(most - before).toBeLessThan(MEMORY * 2)
  expect([result.distinct?.rows, result.matched?.rows]).toEqual([ROWS, ROWS])
  const groups = await db.meta(
    `SELECT stats_min_value AS low, stats_max_value AS high FROM parquet_metadata('${result.sorted?.files[0]}') WHERE path_in_schema = 'key' ORDER BY row_group_id`,
  )
  expect(groups.length).toBeGreaterThan(10)
  expect(groups.flatMap(({ low, high }) => [low, high])).toEqual(groups.flatMap(({ low, high }) => [low, high]).sort())
  const sum = async (path: string | undefined) => db.meta(`SELECT sum(hash(id, key, body))::VARCHAR AS sum FROM '${path}'`)
  expect(await sum(result.sorted?.files[0])).toEqual(await sum(file))
  expect(readdirSync(ctx.workspace, { recursive: true }).filter((name) => String(name).includes('spill'))).toEqual([])
}, 120_000)

function spillFiles(folder: string): number {
  try {
    return readdirSync(folder, { recursive: true }).filter((name) => /spill\/./.test(String(name))).length
  } catch {
    // Files come and go while the folder is read.
    return 0
  }
}
