import { renameSync } from 'node:fs'
import { expect, test } from 'vitest'
import { dropTable } from '../kit/dataset.ts'
import { millrace } from '../kit/millrace.ts'
import { testProject } from '../kit/project.ts'

test('a table that was dropped is loaded again by a plain run, from what has landed', async () => {
  const project = testProject({
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
  expect(await millrace(project, 'run', 'stock')).toMatchObject({ code: 0 })
  const rows = () => project.warehouse('SELECT * FROM stock ORDER BY ALL')
  const before = await rows()
  await dropTable(project.path('.millrace/dev/warehouse.duckdb'), 'stock')
  renameSync(project.path('data'), project.path('away'))
  expect((await millrace(project, 'status', 'stock')).stdout).toContain('2 due (krakow, wien)')
  // One partition makes the table anew: the other is still due.
  expect(await millrace(project, 'run', 'stock', '--only', 'load', '--partition', 'wien')).toMatchObject({ code: 0 })
  expect((await millrace(project, 'status', 'stock')).stdout).toContain('1 done; 1 due (krakow)')
  renameSync(project.path('away'), project.path('data'))
  expect((await millrace(project, 'run', 'stock')).stdout).toContain('partitions: 1 done')
  expect(await rows()).toEqual(before)
})
