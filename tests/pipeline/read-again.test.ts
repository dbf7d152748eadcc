import { expect, test } from 'vitest'
import { millrace } from '../kit/millrace.ts'
import { testProject } from '../kit/project.ts'

test('a run that reads again and finds the same says what it has read', async () => {
  const project = testProject({
    'data/krakow.csv': 'item,left\nlamp,3\n',
    'data/wien.csv': 'item,left\nlamp,4\n',
    'pipelines/stock/schema.ts': "export const schema = { stock: { item: 'text', left: 'int64' } } as const\n",
    'pipelines/stock/pipeline.ts': `import { keys, pipeline, replacePartition, source } from '#millrace'
import { schema } from './schema.ts'
export default pipeline({
  name: 'stock', schema, partition: keys(['krakow', 'wien']),
  extract: { stock: source('data').files('{partition}.csv') },
  load: { stock: replacePartition('stock') },
})`,
  })
  expect(await millrace(project, 'run', 'stock')).toMatchObject({ code: 0 })
  expect((await millrace(project, 'run', 'stock')).stdout).toMatch(/^stock \(dev\): nothing to do, everything is up to date in /)
  const { stdout } = await millrace(project, 'run', 'stock', '--from', 'krakow', '--refresh')
  expect(stdout).toMatch(/^stock \(dev\): read again, and found the same in .*; partitions: 2 up to date$/m)
  expect(stdout).toMatch(/^read +stock \(2 partitions\): nothing new$/m)
})
