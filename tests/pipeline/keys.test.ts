import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { millrace } from '../kit/millrace.ts'
import { testProject } from '../kit/project.ts'

const STOCK = {
  'data/krakow.csv': 'item,left\nlamp,3\nchain,12\n',
  'data/lodz.csv': 'item,left\nlamp,0\n',
  'pipelines/stock/schema.ts': "export const schema = { stock: { item: 'text', left: 'int64' } } as const\n",
  'pipelines/stock/pipeline.ts': `import { contract, csv, keys, pipeline, replacePartition, source } from '#millrace'
import { schema } from './schema.ts'
export default pipeline({
  name: 'stock', schema, partition: keys(['krakow', 'lodz']),
  extract: { stock: source('data').files('{partition}.csv') },
  load: { stock: replacePartition('stock') },
  export: { stock: csv('stock/{partition}.csv', { plain: true, contract: contract({ formulas: 'raw', columns: { item: 'text', left: 'int64' }, orderBy: ['item'] }) }) },
})`,
}

test('a dataset whose path names the partition is read for each key, and only a changed file is loaded again', async () => {
  const project = testProject(STOCK)
  const ran = await millrace(project, 'run', 'stock')
  expect(ran, ran.stdout + ran.stderr).toMatchObject({ code: 0 })
  expect(readFileSync(project.path('.millrace/dev/export/stock/lodz.csv'), 'utf8')).toBe('item,left\nlamp,0\n')
  const rows = () => project.warehouse('SELECT _partition, item, CAST("left" AS VARCHAR), _load FROM stock ORDER BY ALL')
  const before = await rows()
  expect(before.map((row) => row.slice(0, 3))).toEqual([
    ['krakow', 'chain', '12'],
    ['krakow', 'lamp', '3'],
    ['lodz', 'lamp', '0'],
  ])
  expect((await millrace(project, 'run', 'stock')).stdout).toContain('nothing to do')
  project.write({ 'data/lodz.csv': 'item,left\nlamp,5\n' })
  const named = await millrace(project, 'run', 'stock', '--partition', 'lodz', '--json')
  expect(JSON.parse(named.stdout)).toMatchObject({ outcome: 'done', partitions: [{ partition: 'lodz', outcome: 'done' }] })
  const after = await rows()
  expect(after.slice(0, 2)).toEqual(before.slice(0, 2))
  expect(after[2]?.slice(0, 3)).toEqual(['lodz', 'lamp', '5'])
})

test('a key whose file is missing fails alone', async () => {
  const { 'data/lodz.csv': _, ...rest } = STOCK
  const project = testProject(rest)
  const { code, stdout } = await millrace(project, 'run', 'stock', '--keep-going', '--json')
  expect(code).toBe(1)
  expect(JSON.parse(stdout)).toMatchObject({
    partitions: [
      { partition: 'krakow', outcome: 'done' },
      { partition: 'lodz', outcome: 'failed', error: { message: expect.stringContaining('no file matches "lodz.csv"') } },
    ],
  })
})

test('landed takes every key of a dataset that is read for each, or one', async () => {
  const project = testProject({
    ...STOCK,
    'experiments/all.exp.ts': `import { experiment, landed, sql } from '#millrace'
export default experiment({
  inputs: { stock: landed('stock', 'stock'), one: landed('stock', 'stock', 'lodz') },
  cells: { total: sql\`SELECT count(*) AS n FROM stock\`, single: sql\`SELECT count(*) AS n FROM one\` },
})`,
  })
  expect(await millrace(project, 'run', 'stock', '--only', 'extract')).toMatchObject({ code: 0 })
  const { code, stdout, stderr } = await millrace(project, 'exp', 'run', 'all')
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toContain('stock: 3 rows from stock stock, as landed')
  expect(stdout).toContain('one: 1 row from stock stock lodz, as landed')
})
