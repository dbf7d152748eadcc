import { expect, test, vi } from 'vitest'
import { millrace } from '../kit/millrace.ts'
import { testProject } from '../kit/project.ts'
import { shortForm } from '../torture/short-form.ts'

test('backfills under a storm of kills, two at once, with a clock that jumps and a day that fails come to what an untouched run leaves', {
  timeout: 900_000,
}, async () => {
  const { code, results, stderr } = await shortForm('torture.ts', 'storms')
  const trials = results.flatMap((part) => part.trials)
  expect(
    trials.filter(({ faults }) => faults.length > 0),
    stderr,
  ).toEqual([])
  expect(trials.flatMap(({ kills }) => kills).length).toBeGreaterThan(0)
  expect(code).toBe(0)
})

const projectOf = (night: string) => ({
  'pipelines/night/pipeline.ts': `import { contract, csv, hour, pipeline, replacePartition, source, sql } from '#millrace'
import { schema } from './schema.ts'
export default pipeline({
  name: 'night', schema, partition: hour({ from: '${night}T00', to: '${night}T06', zone: 'Europe/Berlin' }),
  extract: { reading: source('data').files('readings.csv', { window: 'at' }) },
  transform: { hourly: sql\`SELECT count(*) AS readings, min(n) AS first, max(n) AS last FROM reading HAVING count(*) > 0\` },
  load: { hourly: replacePartition('hourly') },
  export: { reading: csv('readings/{partition}.csv', { contract: contract({ formulas: 'raw', columns: schema.reading, orderBy: ['n'] }), plain: true }) },
})
`,
  'pipelines/night/schema.ts': `export const schema = {
  reading: { at: 'timestamptz', n: 'int32' },
  hourly: { readings: 'int64', first: 'int32', last: 'int32' },
} as const
`,
})

test.each([
  ['2024-03-31', [6, 6, 6, 6, 6]],
  ['2024-10-27', [6, 6, 12, 6, 6, 6]],
])(
  'backfill of the night of %s in Berlin takes each hour of its clock, and each reading once',
  { timeout: 120_000 },
  async (night, readings) => {
    const since = Date.parse(`${night}T00:00:00Z`) - 4 * 3_600_000
    const lines = Array.from({ length: 90 }, (_, n) => `${new Date(since + n * 600_000).toISOString()},${n}`)
    const project = testProject({ ...projectOf(night), 'data/readings.csv': `at,n\n${lines.join('\n')}\n` })
    vi.stubEnv('TEST_NOW', '2025-01-01T00:00:00Z')
    const planned = await millrace(project, 'plan', 'night')
    expect(planned.code, planned.error).toBe(0)
    const { code, error } = await millrace(project, 'backfill', 'night', '--jobs', '2')
    expect(code, error).toBe(0)
    const hours = await project.warehouse('SELECT readings, first, last FROM hourly ORDER BY first')
    expect(hours.map(([count]) => Number(count))).toEqual(readings)
    expect(hours.map(([count, first, last]) => Number(last) - Number(first) + 1 - Number(count))).toEqual(readings.map(() => 0))
    expect(Number(hours.at(-1)?.[2]) - Number(hours[0]?.[1])).toBe(readings.reduce((sum, count) => sum + count) - 1)
  },
)
