import { mkdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { RunEvent } from '../../lib/core/context.ts'
import { openDuckDB } from '../../lib/engines/duckdb.ts'
import { openProject } from '../../lib/pipeline/project.ts'
import { run } from '../../lib/pipeline/run/run.ts'
import { temporaryFolder } from '../kit/context.ts'
import { FILES_CONFIG, testProject } from '../kit/project.ts'

/** Enough for files of more than 100 kB; each stage tells at least once, at its end, however quick it is. */
const ROWS = 400_000

const PIPELINE = `import { contract, csv, notNull, pipeline, replace, source, sql, unique } from '#millrace'
import { schema } from './schema.ts'
export default pipeline({
  name: 'p', schema,
  extract: { event: source('data').files('events.parquet') },
  transform: { hashed: sql\`SELECT id, md5(name) AS name FROM event\` },
  check: { hashed: [notNull('name'), unique('name')] },
  load: { hashed: replace('hashed') },
  export: { hashed: csv('hashed.csv', { contract: contract({ formulas: 'raw', columns: { id: 'int64', name: 'text' }, orderBy: ['id'] }) }) },
})`

async function slowProject() {
  const project = testProject({
    'millrace.config.ts': FILES_CONFIG.replace('threads: 2', 'threads: 1'),
    'pipelines/p/pipeline.ts': PIPELINE,
    'pipelines/p/schema.ts':
      "export const schema = { event: { id: 'int64', name: 'text' }, hashed: { id: 'int64', name: 'text' } } as const\n",
  })
  mkdirSync(project.path('data'))
  const db = await openDuckDB({ memoryBytes: 2 ** 28, threads: 2, temp: temporaryFolder() })
  await db.run(`COPY (SELECT range AS id, 'name ' || hash(range) AS name FROM range(${ROWS})) TO '${project.path('data/events.parquet')}'`)
  db.close()
  return project
}

test('run tells somebody who looks on how far each stage is: bytes that are written, rows of how many', { timeout: 60_000 }, async () => {
  const project = await slowProject()
  const told: Extract<RunEvent, { type: 'progress' }>[] = []
  const open = new Map<string, true>()
  const key = (event: RunEvent) =>
    ['stage' in event && event.stage, 'dataset' in event && event.dataset, 'target' in event && event.target].join()
  const report = await run(await openProject(project.folder), 'p', {
    events: {
      live: true,
      event: (event) => {
        if (event.type === 'stage' && event.phase === 'start') open.set(key(event), true)
        if (event.type === 'stage' && event.phase === 'end') open.delete(key(event))
        if (event.type !== 'progress') return
        expect(open.has(key(event)), `${JSON.stringify(event)} while ${[...open.keys()].join(' ')}`).toBe(true)
        told.push(event)
      },
      close: () => {},
    },
  })
  expect(report.outcome).toBe('done')
  const most = (stage: string, what: 'rows' | 'bytes') =>
    Math.max(...told.flatMap((each) => (each.stage === stage ? (each[what] ?? []) : [])))
  for (const stage of ['land', 'transform', 'export']) expect(most(stage, 'bytes'), stage).toBeGreaterThan(100_000)
  for (const stage of ['check', 'load']) {
    expect(told.find((each) => each.stage === stage)).toMatchObject({ totalRows: ROWS })
    expect(most(stage, 'rows'), stage).toBeLessThanOrEqual(ROWS)
  }
})
