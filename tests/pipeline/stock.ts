import { type TestProject, testProject } from '../kit/project.ts'

/** A project of one table by two keys, krakow and wien, from a file for each. */
export function stockProject(): TestProject {
  return testProject({
    'data/krakow.csv': 'item,left\nlamp,3\n',
    'data/wien.csv': 'item,left\nlamp,4\nbed,5\n',
    'pipelines/stock/schema.ts': "export const schema = { stock: { item: 'text', left: 'int64' } } as const\n",
    'pipelines/stock/pipeline.ts': `import { keys, pipeline, replacePartition, source } from '#millrace'
import { schema } from './schema.ts'
export default pipeline({
  name: 'stock', schema, partition: keys(['krakow', 'wien']),
  extract: { stock: source('data').files('{partition}.csv') },
  load: { stock: replacePartition('stock') },
})`,
  })
}
