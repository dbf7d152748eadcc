import { expect, test } from 'vitest'
import { millrace } from '../kit/millrace.ts'
import { testProject } from '../kit/project.ts'

test('a partition of a pipeline that only checks is checked in every run: a check that failed fails again until the data is right', async () => {
  const project = testProject({
    'data/krakow.csv': 'item,left\nlamp,-3\n',
    'data/wien.csv': 'item,left\nlamp,3\n',
    'pipelines/stock/pipeline.ts': `import { between, keys, pipeline, source } from '#millrace'
import { schema } from './schema.ts'
export default pipeline({
  name: 'stock', schema, partition: keys(['krakow', 'wien']),
  extract: { stock: source('data').files('{partition}.csv') },
  check: { stock: [between('left', 0, 100)] },
})`,
    'pipelines/stock/schema.ts': "export const schema = { stock: { item: 'text', left: 'int64' } } as const\n",
  })
  const run = async (...args: readonly string[]) => {
    const { code, stdout, error } = await millrace(project, 'run', 'stock', '--keep-going', '--json', ...args)
    const report = JSON.parse(stdout) as { partitions: { partition: string; outcome: string }[] }
    return { code, error, outcomes: Object.fromEntries(report.partitions.map(({ partition, outcome }) => [partition, outcome])) }
  }
  for (const _ of [1, 2]) {
    const failed = await run()
    expect(failed).toMatchObject({ code: 1, outcomes: { krakow: 'failed' } })
    const status = JSON.parse((await millrace(project, 'status', 'stock', '--json')).stdout)
    expect(JSON.stringify(status)).toMatch(/"partition":"krakow","state":"failed".*"partition":"wien","state":"done"/)
  }
  project.write({ 'data/krakow.csv': 'item,left\nlamp,3\n' })
  expect(await run()).toMatchObject({ code: 0, outcomes: { krakow: 'done', wien: 'unchanged' } })
  expect(await run()).toMatchObject({ code: 0, outcomes: { krakow: 'unchanged', wien: 'unchanged' } })
})
