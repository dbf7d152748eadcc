import { readFileSync, renameSync, rmSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { expectedOf, largerData } from '../../bench/larger-data.ts'
import { verifyLarger } from '../../bench/larger-verify.ts'
import { openDuckDB } from '../../lib/engines/duckdb.ts'
import { temporaryFolder } from '../kit/context.ts'
import { testProject } from '../kit/project.ts'
import { watchedRun } from '../memory/watched.ts'

const ROWS = 1_000_000
const MEMORY_BYTES = 128e6
/** What docs promise on top. */
const MORE_BYTES = 512e6

const CONFIG = `import { config, duckdb, files, local } from '#millrace'
export default config({ profiles: { dev: {
  connections: { data: files('data') },
  warehouse: duckdb('.millrace/dev/warehouse.duckdb'),
  landing: local('.millrace/dev/landing'),
  store: local('.millrace/dev/export'),
} } })
`

const PIPELINE = 'pipelines/larger'
const FILES = ['pipeline.ts', 'schema.ts', 'priced.sql', 'quarterly.sql'].map((name) => `${PIPELINE}/${name}`)

test('run --memory 128MB joins, sorts, groups, merges and delivers 1 M rows, 137 MB of CSV, in 128 MB and 512 more', async () => {
  const db = await openDuckDB({ memoryBytes: 2 ** 29, threads: 2, temp: temporaryFolder() })
  onTestFinished(() => db.close())
  const bench = resolve(import.meta.dirname, '../../bench/larger')
  const project = testProject({
    'millrace.config.ts': CONFIG,
    ...Object.fromEntries(FILES.map((file) => [file, readFileSync(resolve(bench, file))])),
  })
  const dataOf = async (rows: number) => {
    const data = await largerData(db, temporaryFolder(), rows, ROWS)
    rmSync(project.path('data'), { recursive: true, force: true })
    renameSync(data.folder, project.path('data'))
    return { ...data, folder: project.path('data') }
  }
  const limits = ['--memory', '128MB', '--threads', '2']

  // So that the whole is merged into what is there.
  await dataOf(ROWS / 100)
  const first = await watchedRun(project, 'larger', ...limits)
  expect(first.code, first.stderr).toBe(0)
  const data = await dataOf(ROWS)
  const run = await watchedRun(project, 'larger', ...limits)

  expect(run.code, run.stderr).toBe(0)
  expect([...run.spilled]).toContain('transform')
  expect(run.peakBytes).toBeLessThanOrEqual(MEMORY_BYTES + MORE_BYTES)
  await verifyLarger(db, project.path('.millrace/dev'), await expectedOf(db, data, ROWS, ROWS))
}, 300_000)
