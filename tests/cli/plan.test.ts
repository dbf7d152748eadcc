import { expect, test } from 'vitest'
import { named, planText } from '../../lib/cli/plan.ts'
import type { PlanReport } from '../../lib/pipeline/report.ts'

const report: PlanReport = {
  pipeline: 'quakes',
  profile: 'dev',
  datasets: [
    {
      name: 'quake',
      engine: 'source',
      columns: { id: 'text', time: 'timestamptz' },
      reads: ['usgs'],
      request: 'fdsnws/event/1/query',
      partitioned: true,
      note: 'window time, looks back 2d',
    },
    { name: 'daily', engine: 'duckdb', columns: { day: 'date', quakes: 'int64' }, reads: ['quake'], partitioned: true, note: '' },
  ],
  targets: [
    { dataset: 'quake', stage: 'load', target: 'quake', how: 'merge, by id' },
    { dataset: 'daily', stage: 'export', target: 'daily/{partition}.csv', how: 'csv' },
  ],
  partitions: { done: 1200, due: ['a', 'b', 'c', 'd'], open: ['e'], failed: [], held: [] },
  held: [],
  warnings: ['one', 'two'],
  schemaChanges: ['+ daily: day date'],
  schemaFile: 'pipelines/quakes/schema.ts',
  ms: 61.4,
}

test('planText says what is read, computed and written, what is done, and what changed in schema.ts', () => {
  expect(planText(report, false)).toBe(`quakes (dev): the plan holds (61 ms)

reads
  quake  from usgs fdsnws/event/1/query  window time, looks back 2d  2 columns

computes
  daily  duckdb  from quake
    day     date
    quakes  int64

writes
  load    quake  → quake                  merge, by id
  export  daily  → daily/{partition}.csv  csv

partitions, as last seen: 1,200 done; 4 due (a … d); 1 open (e)

pipelines/quakes/schema.ts
  + daily: day date

warning: one
warning: two`)
})

test('planText leaves out what there is none of', () => {
  const empty = {
    ...report,
    datasets: [],
    targets: [],
    partitions: { done: 0, due: [], open: [], failed: [], held: [] },
    warnings: [],
    schemaChanges: [],
  }
  expect(planText(empty, false)).toBe('quakes (dev): the plan holds (61 ms)')
  expect(planText(empty, true)).toContain('\x1b[32mthe plan holds\x1b[0m')
})

test('named counts and names partitions', () => {
  expect(named('due', [])).toBe('')
  expect(named('due', ['a', 'b'])).toBe('2 due (a, b)')
})
