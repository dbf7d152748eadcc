import { expect, test } from 'vitest'
import { projectUrl, startNode } from '../kit/child.ts'
import { millrace } from '../kit/millrace.ts'
import { type TestProject, testProject } from '../kit/project.ts'

const STOCK = {
  'data/krakow.csv': 'item,left\nlamp,3\n',
  'data/prices.csv': 'item,price\nlamp,5\n',
  'pipelines/stock/schema.ts': `export const schema = {
  stock: { item: 'text', left: 'int64' }, price: { item: 'text', price: 'int64' }, dear: { item: 'text', price: 'int64' },
} as const
`,
  'pipelines/stock/pipeline.ts': `import { between, keys, pipeline, replace, replacePartition, source, sql } from '#millrace'
import { schema } from './schema.ts'
export default pipeline({
  name: 'stock', schema, partition: keys(['krakow']),
  extract: { stock: source('data').files('{partition}.csv'), price: source('data').files('prices.csv') },
  transform: { dear: sql\`SELECT item, price FROM price WHERE price > 1\` },
  check: { price: [between('price', 0, 100)] },
  load: { stock: replacePartition('stock'), dear: replace('dear') },
})`,
}

const sharedOf = async (project: TestProject, pipeline: string) =>
  (
    JSON.parse((await millrace(project, 'status', pipeline, '--json')).stdout) as {
      pipelines: { shared?: { state: string; error?: string } }[]
    }
  ).pipelines[0]?.shared

test('status shows how what the partitions share stands: due, done, failed', async () => {
  const project = testProject(STOCK)
  expect(await sharedOf(project, 'stock')).toEqual({ state: 'due' })
  expect((await millrace(project, 'run', 'stock')).code).toBe(0)
  expect(await sharedOf(project, 'stock')).toMatchObject({ state: 'done' })
  expect((await millrace(project, 'status', 'stock')).stdout).toMatch(
    /^stock \(dev\): 1 done; shared: done; last run done at [\s\S]*\n\(shared\) +done +20.*\nkrakow +done /,
  )
  project.write({ 'data/prices.csv': 'item,price\nlamp,500\n' })
  expect((await millrace(project, 'run', 'stock')).code).toBe(3)
  expect(await sharedOf(project, 'stock')).toMatchObject({ state: 'failed', error: expect.stringContaining('price') })
  expect((await millrace(project, 'status')).stdout).toMatch(/^stock \(dev\): 1 done; shared: failed; last run failed at /)
  // What has landed and is not loaded.
  project.write({ 'data/prices.csv': 'item,price\nlamp,7\n' })
  expect((await millrace(project, 'run', 'stock', '--only', 'land')).code).toBe(0)
  expect(await sharedOf(project, 'stock')).toMatchObject({ state: 'due' })
  expect((await millrace(project, 'run', 'stock')).code).toBe(0)
  expect(await sharedOf(project, 'stock')).toMatchObject({ state: 'done' })
})

/** A run that has begun a partition and does not go on. */
const stuck = (state: string) => `import { openWorkspace } from '${projectUrl('lib/pipeline/run/workspace.ts')}'
import { openLedger } from '${projectUrl('lib/state/ledger.ts')}'
const ledger = openLedger('${state}/ledger.sqlite')
await openWorkspace('${state}/workspace', 'r1')
ledger.beginRun({ run: 'r1', pipeline: 'stock', profile: 'dev', startedAt: new Date(), versions: {} })
ledger.beginPartition({ run: 'r1', pipeline: 'stock', partition: 'krakow', at: new Date() })
ledger.close()
console.log('begun')
setInterval(() => {}, 1000)`

test('status says what a living run is at work on; what a run that was killed has begun is due', async () => {
  const project = testProject(STOCK)
  const child = startNode(stuck(project.path('.millrace/dev')), { cwd: project.folder })
  await child.said('begun')
  const seen = async () => JSON.parse((await millrace(project, 'status', 'stock', '--json')).stdout).pipelines[0]
  expect(await seen()).toMatchObject({
    partitions: [{ partition: 'krakow', state: 'running', attempts: 1 }],
    lastRun: { run: 'r1', outcome: 'running' },
  })
  expect((await millrace(project, 'status', 'stock')).stdout).toMatch(/^stock \(dev\): 0 done; 1 running \(krakow\)/)
  await child.kill('SIGKILL')
  expect(await seen()).toMatchObject({
    partitions: [{ partition: 'krakow', state: 'due', attempts: 1 }],
    lastRun: { run: 'r1', outcome: 'killed' },
  })
  expect((await millrace(project, 'run', 'stock')).code).toBe(0)
  expect(await seen()).toMatchObject({ partitions: [{ state: 'done', attempts: 2 }], lastRun: { outcome: 'done' } })
})

test('status of what is made of a cursor dataset, load by load and from its current state', async () => {
  const project = testProject({
    'data/customers.csv': 'id,name,changed\n1,Ann,2024-01-01 00:00:00\n',
    'pipelines/crm/schema.ts': `export const schema = {
  customer: { id: 'int32', name: 'text', changed: 'timestamp' }, names: { name: 'text' },
} as const
`,
    'pipelines/crm/pipeline.ts': `import { merge, pipeline, replace, source, sql } from '#millrace'
import { schema } from './schema.ts'
export default pipeline({
  name: 'crm', schema,
  extract: { customer: source('data').files('customers.csv', { cursor: 'changed', key: 'id' }) },
  transform: { names: sql\`SELECT name FROM customer\` },
  load: { customer: merge('dim_customer', { key: 'id' }), names: replace('names') },
})`,
  })
  expect(await sharedOf(project, 'crm')).toEqual({ state: 'due' })
  expect((await millrace(project, 'run', 'crm')).code).toBe(0)
  expect(await sharedOf(project, 'crm')).toMatchObject({ state: 'done' })
  expect((await millrace(project, 'status', 'crm')).stdout).toMatch(
    /^crm \(dev\): shared: done; last run done at [\s\S]*\n\(shared\) +done /,
  )
  project.write({ 'data/customers.csv': 'id,name,changed\n1,Ann,2024-01-01 00:00:00\n2,Bob,2024-01-02 00:00:00\n' })
  expect((await millrace(project, 'run', 'crm', '--only', 'land')).code).toBe(0)
  expect(await sharedOf(project, 'crm')).toMatchObject({ state: 'due' })
})

test('status of a pipeline without anything shared says nothing of it', async () => {
  const { 'pipelines/stock/pipeline.ts': text } = STOCK
  const own = text.replace(/, price: source.*? \},\n.*\n.*\n/, ' },\n').replace(", dear: replace('dear')", '')
  const project = testProject({
    ...STOCK,
    'pipelines/stock/pipeline.ts': own,
    'pipelines/stock/schema.ts': "export const schema = { stock: { item: 'text', left: 'int64' } } as const\n",
  })
  expect(await sharedOf(project, 'stock')).toBeUndefined()
  expect((await millrace(project, 'status', 'stock')).stdout).not.toContain('shared')
})
