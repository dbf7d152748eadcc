import { expect, test } from 'vitest'
import { millrace } from '../kit/millrace.ts'
import { testProject } from '../kit/project.ts'

test('run takes partitions oldest first, those between --from and --to as those of a plain run', async () => {
  const days = ['01', '02', '03', '04', '05', '06'].map((day) => `2024-01-${day}`)
  const project = testProject({
    ...Object.fromEntries(days.map((day) => [`data/${day}.csv`, `day\n${day}\n`])),
    'pipelines/days/pipeline.ts': `import { day, pipeline, replacePartition, source } from '#millrace'
import { schema } from './schema.ts'
export default pipeline({
  name: 'days', schema, partition: day({ from: '2024-01-01', to: '2024-01-07' }),
  extract: { each: source('data').files('{partition}.csv') },
  load: { each: replacePartition('days') },
})`,
    'pipelines/days/schema.ts': "export const schema = { each: { day: 'date' } } as const\n",
  })
  const run = async (...args: readonly string[]) => {
    const { code, stdout, error } = await millrace(project, 'run', 'days', '--json', ...args)
    expect(code, `${error}${stdout}`).toBe(0)
    return (JSON.parse(stdout) as { partitions: { partition: string }[] }).partitions.map(({ partition }) => partition)
  }
  expect(await run('--from', '2024-01-03', '--to', '2024-01-06')).toEqual(['2024-01-03', '2024-01-04', '2024-01-05'])
  expect(await run()).toEqual(['2024-01-01', '2024-01-02', '2024-01-06'])
  // The rows of a table lie in the order in which they were loaded.
  const loaded = await project.warehouse('SELECT day FROM days ORDER BY rowid')
  expect(loaded.flat()).toEqual([...days.slice(2, 5), ...days.slice(0, 2), ...days.slice(5)])
})
