import { expect, test } from 'vitest'
import { millrace } from '../kit/millrace.ts'
import { testProject } from '../kit/project.ts'

const STOCK = {
  'data/krakow.csv': 'item,left\nlamp,3\n',
  'pipelines/stock/schema.ts': "export const schema = { stock: { item: 'text', left: 'int64' } } as const\n",
  'pipelines/stock/pipeline.ts': `import { keys, pipeline, replacePartition, source } from '#millrace'
import { schema } from './schema.ts'
export default pipeline({
  name: 'stock', schema, partition: keys(['krakow']),
  extract: { stock: source('data').files('{partition}.csv') },
  load: { stock: replacePartition('stock') },
})`,
}

test('run refuses --refresh with a stage alone that reads no source', async () => {
  const project = testProject(STOCK)
  for (const stage of ['transform', 'check', 'load', 'export'])
    expect(await millrace(project, 'run', 'stock', '--refresh', '--only', stage)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`--refresh reads the sources, and --only ${stage} reads what has landed`),
    })
  expect(await millrace(project, 'run', 'stock', '--refresh', '--only', 'land')).toMatchObject({ code: 0 })
})

test('run says that a partition is not among the keys', async () => {
  const project = testProject(STOCK)
  for (const option of ['--partition', '--from', '--to'])
    expect(await millrace(project, 'run', 'stock', option, 'zz')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/partition "zz" is not among the keys: krakow(\n|$)/),
    })
})
