import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { filesUnder } from '../../kit/files-under.ts'
import { FILES_CONFIG, type TestProject, testProject } from '../../kit/project.ts'

// Another zone or unit of the partitions, or another zone of a connection: what has landed is of other instants. Each command is a process of its own, since the code changes.

const SALES = {
  'data/sales.csv': 'id,sold\n1,2024-01-01T09:00:00Z\n2,2024-01-01T11:30:00Z\n3,2024-01-01T23:00:00Z\n4,2024-01-02T12:00:00Z\n',
  'pipelines/p/schema.ts': `export const schema = {
  sale: { id: 'int32', sold: 'timestamptz' }, daily: { day: 'date', sales: 'int64' },
} as const
`,
}

const salesBy = (partition: string) => ({
  'pipelines/p/pipeline.ts': `import { contract, csv, day, pipeline, replacePartition, source, sql, week } from '#millrace'
import { schema } from './schema.ts'
export default pipeline({
  name: 'p', schema, partition: ${partition},
  extract: { sale: source('data').files('sales.csv', { window: 'sold' }) },
  transform: { daily: sql\`SELECT CAST(sold AS DATE) AS day, count(*) AS sales FROM sale GROUP BY ALL\` },
  load: { sale: replacePartition('sale'), daily: replacePartition('daily') },
  export: { daily: csv('daily/{partition}.csv', { plain: true, contract: contract({ formulas: 'raw', columns: { day: 'date', sales: 'int64' }, orderBy: ['day'] }) }) },
})`,
})

const auckland = "day({ from: '2024-01-01', to: '2024-01-03', zone: 'Pacific/Auckland' })"

async function run(project: TestProject, ...args: readonly string[]) {
  const { code, stdout, stderr } = await project.millrace('run', 'p', '--json', ...args)
  expect(code, stdout + stderr).toBe(0)
  return JSON.parse(stdout) as { partitions: { partition: string; outcome: string; steps: { stage: string }[] }[] }
}

async function states(project: TestProject): Promise<readonly string[]> {
  const { stdout, stderr } = await project.millrace('status', 'p', '--json')
  expect(stdout, stderr).not.toBe('')
  const { pipelines } = JSON.parse(stdout) as { pipelines: { partitions: { partition: string; state: string }[] }[] }
  return pipelines.flatMap(({ partitions }) => partitions.map(({ partition, state }) => `${partition} ${state}`))
}

async function result(project: TestProject) {
  const plain = filesUnder(project, '.millrace/dev/export/daily').filter((path) => /^[^/]+\.csv$/.test(path))
  return {
    sale: await project.warehouse('SELECT _partition, id FROM sale ORDER BY ALL'),
    daily: await project.warehouse('SELECT * EXCLUDE (_load) FROM daily ORDER BY ALL'),
    files: plain.map((path) => [path, readFileSync(project.path('.millrace/dev/export/daily', path), 'utf8')]),
  }
}

test('another zone of the partitions reads every partition again, to the result of a run without state', async () => {
  const project = testProject({ ...SALES, ...salesBy("day({ from: '2024-01-01', to: '2024-01-03' })") })
  await run(project)
  project.write(salesBy(auckland))
  expect(await states(project)).toEqual(['2024-01-01 due', '2024-01-02 due'])
  // What landed is of other instants: no stage alone takes it.
  const alone = await project.millrace('run', 'p', '--only', 'load', '--partition', '2024-01-01')
  expect(alone).toMatchObject({ code: 2, stdout: expect.stringContaining('"sale" has not landed for 2024-01-01') })
  const { partitions } = await run(project)
  expect(partitions).toMatchObject([{ outcome: 'done' }, { outcome: 'done' }])
  expect((await run(project)).partitions).toEqual([])
  const fresh = testProject({ ...SALES, ...salesBy(auckland) })
  await run(fresh)
  expect(await result(project)).toEqual(await result(fresh))
})

test('a week is not done by what landed and was delivered of the day of its name', async () => {
  const project = testProject({ ...SALES, ...salesBy("day({ from: '2024-01-01', to: '2024-01-02' })") })
  await run(project)
  project.write(salesBy("week({ from: '2024-01-01', to: '2024-01-08' })"))
  expect(await states(project)).toEqual(['2024-01-01 due'])
  await run(project)
  expect(await states(project)).toEqual(['2024-01-01 done'])
  const fresh = testProject({ ...SALES, ...salesBy("week({ from: '2024-01-01', to: '2024-01-08' })") })
  await run(fresh)
  expect(await result(project)).toEqual(await result(fresh))
})

test('a window that holds the same rows in another zone is confirmed for it, and read once', async () => {
  const rows = { 'data/sales.csv': 'id,sold\n1,2024-01-01T09:00:00Z\n' }
  const project = testProject({ ...SALES, ...rows, ...salesBy("day({ from: '2024-01-01', to: '2024-01-02' })") })
  await run(project)
  project.write(salesBy(auckland.replace('01-03', '01-02')))
  // Landed and not loaded yet is due too.
  await run(project, '--only', 'land', '--partition', '2024-01-01')
  expect(await states(project)).toEqual(['2024-01-01 due'])
  await run(project)
  expect(await states(project)).toEqual(['2024-01-01 done'])
  const landed = filesUnder(project, '.millrace/dev/landing/p/sale/2024-01-01').filter((path) => path.endsWith('.json'))
  expect(landed).toEqual(['_manifests/000001.confirmed-000001.json', '_manifests/000001.json'])
})

test('another zone of the connection reads again what holds naive times, by partition and whole', async () => {
  const config = (zone: string) => ({ 'millrace.config.ts': FILES_CONFIG.replace("files('data')", `files('data', { zone: '${zone}' })`) })
  const pipelines = {
    'data/rates.csv': 'rate,quoted\n7,2024-01-01 04:00:00\n8,2024-01-01 12:00:00\n',
    'pipelines/p/schema.ts': `export const schema = {
  rate: { rate: 'int32', quoted: 'timestamptz' }, all: { rate: 'int32', quoted: 'timestamptz' },
} as const
`,
    'pipelines/p/pipeline.ts': `import { day, pipeline, replace, replacePartition, source } from '#millrace'
import { schema } from './schema.ts'
export default pipeline({
  name: 'p', schema, partition: day({ from: '2023-12-31', to: '2024-01-02' }),
  extract: { rate: source('data').files('rates.csv', { window: 'quoted' }), all: source('data').files('rates.csv') },
  load: { rate: replacePartition('rate'), all: replace('all_rates') },
})`,
  }
  const rows = async (project: TestProject) => ({
    rate: await project.warehouse('SELECT rate, quoted, _partition FROM rate ORDER BY ALL'),
    all: await project.warehouse('SELECT rate, quoted FROM all_rates ORDER BY ALL'),
  })
  const project = testProject({ ...pipelines, ...config('UTC') })
  await run(project)
  project.write(config('Asia/Tokyo'))
  await run(project)
  const fresh = testProject({ ...pipelines, ...config('Asia/Tokyo') })
  await run(fresh)
  expect(await rows(project)).toEqual(await rows(fresh))
  expect((await rows(project)).rate).toEqual([
    ['7', '2023-12-31 19:00:00+00', '2023-12-31'],
    ['8', '2024-01-01 03:00:00+00', '2024-01-01'],
  ])
})
