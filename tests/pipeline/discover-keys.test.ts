import { expect, test } from 'vitest'
import { millrace } from '../kit/millrace.ts'
import { testProject } from '../kit/project.ts'

const STOCK = {
  'pipelines/stock/pipeline.ts': `import { keys, pipeline, replacePartition, source } from '#millrace'
import { schema } from './schema.ts'
export default pipeline({
  name: 'stock', schema, partition: keys(['krakow', 'lodz', 'wien']),
  extract: { stock: source('data').files('{partition}.csv') },
  load: { stock: replacePartition('stock') },
})`,
  'pipelines/stock/schema.ts': "export const schema = { stock: { item: 'text' } } as const\n",
}

test('plan --discover asks the other keys where the last has no file', async () => {
  const project = testProject({ ...STOCK, 'data/krakow.csv': 'item,left\nlamp,3\n' })
  const { code, stdout, stderr } = await millrace(project, 'plan', 'stock', '--discover')
  expect(code, stderr).toBe(0)
  expect(stdout).toContain('+ stock.left: int64')
})

test('plan --discover names the keys that it has tried', async () => {
  const project = testProject({ ...STOCK, 'data/other.csv': 'item\n' })
  const { code, stderr } = await millrace(project, 'plan', 'stock', '--discover')
  expect(code).toBe(1)
  expect(stderr).toContain('no file matches "wien.csv"')
  expect(stderr).toContain('nothing could be described of any of the keys that were tried: wien, lodz, krakow')
})
