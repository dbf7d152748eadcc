import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { millrace } from '../kit/millrace.ts'
import { type TestProject, testProject } from '../kit/project.ts'

const SALES = {
  'data/sales.csv': 'id,sold\n1,2024-01-01 10:00:00\n',
  'pipelines/p/schema.ts': "export const schema = { sale: { id: 'int32', sold: 'timestamp' } } as const\n",
}

/** A pipeline of days whose `sale` is loaded and delivered. */
const pipelineOf = (rules: string, lookback = '') => ({
  'pipelines/p/pipeline.ts': `import { between, contract, csv, day, pipeline, replacePartition, source, sql } from '#millrace'
import { schema } from './schema.ts'
export default pipeline({
  name: 'p', schema, partition: day({ from: '2024-01-01' }),
  extract: { sale: source('data').files('sales.csv', { window: 'sold'${lookback} }) },
  ${rules}
  load: { sale: replacePartition('sale') },
  export: { sale: csv('sales/{partition}.csv', { plain: true, contract: contract({ formulas: 'raw', columns: { id: 'int32' }, orderBy: ['id'] }) }) },
})`,
})

async function run(project: TestProject, now: string, ...args: readonly string[]) {
  process.env.TEST_NOW = now
  const { code, stdout, stderr } = await millrace(project, 'run', 'p', '--json', ...args)
  expect(stdout, stderr).not.toBe('')
  return { code, partitions: (JSON.parse(stdout) as { partitions: { partition: string; outcome: string }[] }).partitions }
}

const delivered = (project: TestProject, partition: string) =>
  readFileSync(project.path(`.millrace/dev/export/sales/${partition}.csv`), 'utf8')

test('a window that was delivered while it was open is due until what its whole day brought is delivered', async () => {
  const project = testProject({ ...SALES, ...pipelineOf("check: { sale: [between('id', 0, 100)] },") })
  expect(await run(project, '2024-01-01T12:00:00Z', '--partition', '2024-01-01')).toMatchObject({
    code: 0,
    partitions: [{ outcome: 'open' }],
  })
  project.write({ 'data/sales.csv': 'id,sold\n1,2024-01-01 10:00:00\n200,2024-01-01 20:00:00\n' })
  // The whole day lands, and its check fails: nothing of it is loaded or delivered. That is so again, and never "nothing to do".
  for (const _ of [1, 2]) {
    expect(await run(project, '2024-01-02T01:00:00Z')).toMatchObject({ code: 3, partitions: [{ outcome: 'failed' }] })
    expect(delivered(project, '2024-01-01')).toBe('id\n1\n')
    expect((await millrace(project, 'status', 'p', '--json')).stdout).not.toContain('"done"')
  }
  project.write(pipelineOf("check: { sale: [between('id', 0, 1000)] },"))
  expect(await run(project, '2024-01-02T01:00:00Z')).toMatchObject({ code: 0, partitions: [{ outcome: 'done' }] })
  expect(delivered(project, '2024-01-01')).toBe('id\n1\n200\n')
  expect(await project.warehouse('SELECT id FROM sale ORDER BY id')).toEqual([['1'], ['200']])
  expect(await run(project, '2024-01-02T01:00:00Z')).toMatchObject({ code: 0, partitions: [] })
})

test('a window that a later look-back has read to its end is still due', async () => {
  const sql = "transform: { sale_day: sql.with({ window: 'sold' })`SELECT id, sold FROM sale` },"
  const project = testProject({ ...SALES, ...pipelineOf(sql, ", lookback: '1d'") })
  const plan = await project.millrace('plan', 'p')
  expect(plan.code, plan.stderr).toBe(0)
  await run(project, '2024-01-01T12:00:00Z', '--partition', '2024-01-01')
  project.write({ 'data/sales.csv': 'id,sold\n1,2024-01-01 10:00:00\n2,2024-01-01 20:00:00\n3,2024-01-02 10:00:00\n' })
  expect(await run(project, '2024-01-03T00:00:00Z', '--partition', '2024-01-02')).toMatchObject({
    code: 0,
    partitions: [{ outcome: 'done' }],
  })
  expect(delivered(project, '2024-01-01')).toBe('id\n1\n')
  expect(await run(project, '2024-01-03T00:00:00Z')).toMatchObject({ code: 0, partitions: [{ partition: '2024-01-01', outcome: 'done' }] })
  expect(delivered(project, '2024-01-01')).toBe('id\n1\n2\n')
})
