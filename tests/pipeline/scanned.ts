import { readFileSync } from 'node:fs'
import { expect } from 'vitest'
import type { RunEvent } from '../../lib/core/context.ts'
import type { EventSink } from '../../lib/observe/events.ts'
import { openProject } from '../../lib/pipeline/project.ts'
import type { RunReport } from '../../lib/pipeline/report.ts'
import { type RunOptions, run } from '../../lib/pipeline/run/run.ts'
import { filesUnder } from '../kit/files-under.ts'
import { type TestProject, testProject } from '../kit/project.ts'

// Two to a day, in no order; a row before the first partition, one of the open day.
export const ROWS = [
  '9,2024-01-09 22:00:00,i',
  '1,2024-01-05 01:00:00,a',
  '2,2024-01-06 02:00:00,b',
  '8,2024-01-09 08:00:00,h',
  '3,2024-01-06 23:59:59,c',
  '4,2024-01-07 04:00:00,',
  '10,2024-01-10 01:00:00,j',
  '5,2024-01-07 05:00:00,e',
  '6,2024-01-08 06:00:00,f',
  '7,2024-01-08 07:00:00,g',
  '0,2023-12-31 07:00:00,z',
]
export const timeOf = (row: string) => row.split(',')[1] ?? ''
export const csv = (rows = ROWS) => `id,sold,note\n${rows.join('\n')}\n`
export const pipeline = (more = '', extra = '') => ({
  'pipelines/p/schema.ts': "export const schema = { sale: { id: 'int32', sold: 'timestamp', note: 'text' } } as const\n",
  'pipelines/p/pipeline.ts': `import { day, pipeline, replacePartition, source } from '#millrace'
import { schema } from './schema.ts'
export default pipeline({
  name: 'p', schema, partition: day({ from: '2024-01-07'${extra} }),
  extract: { sale: source('data').files('sales.csv', { window: 'sold'${more} }) },
  load: { sale: replacePartition('sale') },
})`,
})
export const project = (text = csv(), more = '', extra = '') => testProject({ 'data/sales.csv': text, ...pipeline(more, extra) })
process.env.TEST_NOW = '2024-01-10T12:00:00Z'
export const DAYS = ['2024-01-07', '2024-01-08', '2024-01-09']

export interface Ran {
  readonly code: number
  /** `2024-01-05 done`, of each partition. */
  readonly outcomes: readonly string[]
  /** Over how many partitions each scan went. */
  readonly scans: readonly number[]
  readonly report: RunReport
}

export async function ran(
  of: TestProject,
  options: RunOptions = {},
  onEvent: (event: RunEvent, partition?: string) => void = () => {},
): Promise<Ran> {
  const scans: number[] = []
  const events: EventSink = {
    event(event, { partition }) {
      if (event.type === 'stage' && event.phase === 'end' && event.stage === 'extract' && event.counts?.partitions)
        scans.push(event.counts.partitions)
      onEvent(event, partition)
    },
    close: () => {},
  }
  const report = await run(await openProject(of.folder), 'p', { ...options, events })
  const outcomes = report.partitions.filter(({ partition }) => partition !== '').map(({ partition, outcome }) => `${partition} ${outcome}`)
  return { code: report.exitCode, outcomes, scans, report }
}
export const all = (outcome: string) => DAYS.map((day) => `${day} ${outcome}`)

export async function oneByOne(of: TestProject, days: readonly string[] = DAYS): Promise<TestProject> {
  for (const partition of days) expect((await ran(of, { partition, keepGoing: true })).scans).toEqual([])
  return of
}

/** What has landed, without what differs from run to run. */
export function landed(of: TestProject) {
  const folder = '.millrace/dev/landing'
  return Object.fromEntries(
    filesUnder(of, folder)
      .filter((path) => path.includes('_manifests'))
      .map((path) => {
        const { run: _, ...manifest } = JSON.parse(readFileSync(of.path(folder, path), 'utf8'))
        return [path, manifest]
      }),
  )
}
