import { expect, test } from 'vitest'
import { dropTable } from '../kit/dataset.ts'
import { type TestProject, testProject } from '../kit/project.ts'

const soldBy = (partition: string) => ({
  'pipelines/p/pipeline.ts': `import { day, keys, month, pipeline, replacePartition, source } from '#millrace'
import { schema } from './schema.ts'
export default pipeline({
  name: 'p', schema, partition: ${partition},
  extract: { sale: source('data').files('sales.csv', { window: 'sold' }) },
  load: { sale: replacePartition('sale') },
})`,
})

const project = () =>
  testProject({
    'data/sales.csv': 'id,sold\n1,2023-11-01 10:00:00\n2,2023-11-02 10:00:00\n3,2023-12-01 10:00:00\n',
    'pipelines/p/schema.ts': "export const schema = { sale: { id: 'int32', sold: 'timestamp' } } as const\n",
    ...soldBy("day({ from: '2023-11-01', to: '2023-11-04' })"),
  })

const warnings = async (project: TestProject, command: 'run' | 'status') => {
  const { code, stdout, stderr } = await project.millrace(command, 'p', '--json')
  expect(code, stdout + stderr).toBe(0)
  const report = JSON.parse(stdout) as { warnings?: string[]; pipelines?: { warnings: string[] }[] }
  return report.warnings ?? report.pipelines?.[0]?.warnings
}

test('run and status say that a table has rows of partitions of another unit, and the remedy helps', async () => {
  const sales = project()
  expect(await warnings(sales, 'run')).toEqual([])
  sales.write(soldBy("month({ from: '2023-11', to: '2024-01' })"))
  const told = [
    `table "sale" still has the rows of 3 partitions that the pipeline no longer has (2023-11-01 … 2023-11-03), beside those of today's; ` +
      `to have today's alone: DROP TABLE "sale" in the warehouse, then millrace run p, which loads it again from what has landed`,
  ]
  expect(await warnings(sales, 'run')).toEqual(told)
  expect(await warnings(sales, 'status')).toEqual(told)
  expect((await sales.millrace('status', 'p')).stdout).toContain(`\nwarning: ${told}\n`)
  expect((await sales.millrace('run', 'p')).stdout).toContain(`\nwarning: ${told}\n`)
  await dropTable(sales.path('.millrace/dev/warehouse.duckdb'), 'sale')
  expect(await warnings(sales, 'run')).toEqual([])
  expect(await sales.warehouse('SELECT id, _partition FROM sale ORDER BY id')).toEqual([
    ['1', '2023-11'],
    ['2', '2023-11'],
    ['3', '2023-12'],
  ])
})

test('rows of days before a later from are kept without a word', async () => {
  const sales = project()
  await warnings(sales, 'run')
  sales.write(soldBy("day({ from: '2023-11-03', to: '2023-11-04' })"))
  expect(await warnings(sales, 'run')).toEqual([])
})
