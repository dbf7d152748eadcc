import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../kit/context.ts'

const root = new URL('../..', import.meta.url).pathname

// In a process of its own: vitest's grows for reasons of its own.
const program = (folder: string) => `
import { mkdirSync } from 'node:fs'
import pl from '${root}node_modules/nodejs-polars/bin/index.js'
import { systemClock } from '${root}lib/core/clock.ts'
import { openDuckDB } from '${root}lib/engines/duckdb.ts'
import { bindSteps } from '${root}lib/transform/bind.ts'
import { transform } from '${root}lib/transform/run.ts'
const file = '${folder}/in.parquet'
const limits = { memoryBytes: 2 ** 29, threads: 2, readerMemoryBytes: 0, readerTimeoutMs: 0 }
const db = await openDuckDB({ ...limits, temp: '${folder}/temp' })
await db.run("COPY (SELECT i, i % 100 AS k, 'name ' || i AS t FROM range(100000) r(i)) TO '" + file + "' (FORMAT parquet)")
db.close()
const columns = { i: 'int64', k: 'int64', t: 'text' }
const frame = ({ big }) => big.groupBy('k').agg(pl.col('i').sum(), pl.col('t').max())
const bound = await bindSteps({ extracted: { big: { columns, by: 'whole' } }, steps: { c: { engine: 'polars', frame } }, parameters: {}, partitioned: 'none', wanted: [] })
const big = { name: 'big', columns, files: [file], rows: 100000, hash: 'h' }
const sizes = []
for (let i = 1; i <= 200; i++) {
  const workspace = '${folder}/' + i
  mkdirSync(workspace)
  const ctx = { pipeline: 'x', run: 'x', clock: systemClock, signal: new AbortController().signal, workspace, limits, emit() {} }
  await transform(bound, { inputs: { big }, wanted: ['c'], window: {}, parameters: {}, zone: 'UTC' }, ctx)
  if (i === 20 || i === 200) sizes.push(process.memoryUsage.rss())
}
console.log(JSON.stringify(sizes))
`

test('transform of 200 partitions with frames does not grow', () => {
  const folder = temporaryFolder()
  const file = join(folder, 'program.mjs')
  writeFileSync(file, program(folder))
  const { stdout, stderr } = spawnSync(process.execPath, [file], { encoding: 'utf8' })
  const [early = 0, late = Infinity] = JSON.parse(stdout || `"${stderr}"`) as number[]
  expect(late / early).toBeLessThan(1.1)
})
