import { expect, test } from 'vitest'
import type { RunEvent } from '../../lib/core/context.ts'
import { InterruptedError } from '../../lib/core/errors.ts'
import { lastingLine } from '../../lib/observe/lines.ts'
import { runSummary } from '../../lib/observe/summary.ts'
import { openProject } from '../../lib/pipeline/project.ts'
import { run } from '../../lib/pipeline/run/run.ts'
import { testProject } from '../kit/project.ts'

const SALES = {
  'data/sales.csv': 'id,sold\n1,2024-01-01 10:00:00\n2,2024-01-01 11:00:00\n3,2024-01-02 10:00:00\n',
  'pipelines/p/schema.ts':
    "export const schema = { sale: { id: 'int32', sold: 'timestamp' }, recent: { id: 'int32', sold: 'timestamp' } } as const\n",
  'pipelines/p/pipeline.ts': `import { day, pipeline, replacePartition, source, sql } from '#millrace'
import { schema } from './schema.ts'
export default pipeline({
  name: 'p', schema, partition: day({ from: '2024-01-01', to: '2024-01-04' }),
  extract: { sale: source('data').files('sales.csv', { window: 'sold', lookback: '1d' }) },
  transform: { recent: sql.with({ window: 'sold' })\`SELECT id, sold FROM sale\` },
  load: { recent: replacePartition('recent') },
})`,
}

/** Runs the pipeline in this process; gives its report and the lines that a person sees meanwhile. */
async function watched(options: Parameters<typeof run>[2], seen: (event: RunEvent) => void = () => {}) {
  const project = testProject(SALES)
  const lines: string[] = []
  const report = await run(await openProject(project.folder), 'p', {
    ...options,
    events: {
      event: (event, place) => {
        seen(event)
        const line = lastingLine(event, place, (_, text) => text)
        if (line !== undefined) lines.push(line.replace(/ {2}.*/, ''))
      },
      close: () => {},
    },
  })
  return { report, lines, text: runSummary(report) }
}

test('run says of what a look-back lands which partition that is, and counts it as landed there alone', async () => {
  const { report, lines, text } = await watched({ partition: '2024-01-02' })
  expect(report.outcome).toBe('done')
  expect(lines.slice(0, 4)).toEqual([
    '✓ p 2024-01-02 extract sale of 2024-01-01',
    '✓ p 2024-01-02 land sale of 2024-01-01',
    '✓ p 2024-01-02 extract sale',
    '✓ p 2024-01-02 land sale',
  ])
  const landed = report.partitions[0]?.steps.filter(({ stage }) => stage === 'land')
  expect(landed).toMatchObject([{ dataset: 'sale', of: '2024-01-01', rows: 2 }, { rows: 1 }])
  expect(landed?.[1]).not.toHaveProperty('of')
  expect(text).toMatch(/^2024-01-02 {2}land +sale of 2024-01-01 +- +2 /m)
  const both = await watched({ from: '2024-01-02', to: '2024-01-04' })
  expect(both.text).toMatch(/^2024-01-02 {2}done +1 +1 /m)
})

test.each([
  ['while it lands', 'land', '! p 2024-01-02 land sale  stopped'],
  ['after it has landed', 'load', '! p 2024-01-02 load recent recent  stopped'],
] as const)('run calls a partition that is interrupted %s stopped, its step too, and the next ones not run', async (_, stage, line) => {
  const controller = new AbortController()
  let begun = 0
  const { report, lines, text } = await watched({ from: '2024-01-01', to: '2024-01-04', signal: controller.signal }, (event) => {
    if (event.type === 'stage' && event.phase === 'start' && event.stage === stage && ++begun === 2)
      controller.abort(new InterruptedError('interrupted by SIGINT'))
  })
  expect(report).toMatchObject({ outcome: 'interrupted', exitCode: 130 })
  expect(report.partitions.map(({ partition, outcome }) => [partition, outcome])).toEqual([
    ['2024-01-01', 'done'],
    ['2024-01-02', 'stopped'],
    ['2024-01-03', 'notRun'],
  ])
  expect(lines.at(-1)).toBe(line.replace(/ {2}.*/, ''))
  expect(lines.filter((each) => each.startsWith('✗'))).toEqual([])
  expect(report.partitions[1]?.steps.at(-1)).toMatchObject({ stage, outcome: 'stopped' })
  expect(text).toContain('partitions: 1 done, 1 stopped, 1 not run')
  expect(text).toMatch(/^2024-01-02 {2}stopped /m)
  expect(text).toMatch(/^2024-01-03 {2}not run {2}/m)
})
