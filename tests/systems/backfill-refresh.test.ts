import { expect, test } from 'vitest'
import { millrace } from '../kit/millrace.ts'
import { testProject } from '../kit/project.ts'

const sales = (second: number) => ({
  'data/2024-01-07.csv': 'id,sold,amount\n1,2024-01-07 10:00:00,1\n',
  'data/2024-01-08.csv': `id,sold,amount\n2,2024-01-08 10:00:00,${second}\n`,
  'data/2024-01-09.csv': 'id,sold,amount\n3,2024-01-09 10:00:00,3\n',
})

test('backfill --refresh reads again what a look-back shows, whichever partition has its turn first', { timeout: 120_000 }, async () => {
  const project = testProject({
    ...sales(2),
    'pipelines/p/pipeline.ts': `import { day, pipeline, replacePartition, source, sql } from '#millrace'
import { schema } from './schema.ts'
export default pipeline({
  name: 'p', schema, partition: day({ from: '2024-01-07', to: '2024-01-10' }),
  extract: { sale: source('data').files('{partition}.csv', { window: 'sold', lookback: '1d' }) },
  transform: { total: sql.with({ window: 'day' })\`SELECT $start::TIMESTAMP AS day, sum(amount)::BIGINT AS amount FROM sale\` },
  load: { total: replacePartition('total') },
})`,
    'pipelines/p/schema.ts': `export const schema = { sale: { id: 'int32', sold: 'timestamp', amount: 'int32' }, total: { day: 'timestamp', amount: 'int64' } } as const\n`,
  })
  const made = async () => (await project.warehouse('SELECT amount FROM total ORDER BY day')).flat()
  const range = ['--from', '2024-01-07', '--to', '2024-01-10'] as const
  const first = await millrace(project, 'run', 'p', ...range)
  expect([first.code, await made()], first.error).toEqual([0, ['1', '3', '5']])
  project.write(sales(20))
  const { code, error } = await millrace(project, 'backfill', 'p', ...range, '--refresh', '--newest-first', '--jobs', '1')
  expect([code, await made()], error).toEqual([0, ['1', '21', '23']])
  expect((await millrace(project, 'run', 'p', ...range)).stdout).toContain('partitions: 3 up to date')
})
