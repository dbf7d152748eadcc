import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { RunReport } from '../../lib/pipeline/report.ts'
import { millrace } from '../kit/millrace.ts'
import { FILES_CONFIG, testProject } from '../kit/project.ts'
import { all, csv, DAYS, landed, oneByOne, pipeline, project, ROWS, ran, timeOf } from '../pipeline/scanned.ts'

test('a file in order is split without being sorted, in another zone too', async () => {
  const sorted = project(csv([...ROWS].sort((a, b) => (timeOf(a) < timeOf(b) ? -1 : 1))), '', ", zone: 'Asia/Tokyo'")
  expect(await ran(sorted)).toMatchObject({ code: 0, scans: [3] })
  const alone = project(readFileSync(sorted.path('data/sales.csv'), 'utf8'), '', ", zone: 'Asia/Tokyo'")
  expect(landed(sorted)).toEqual(landed(await oneByOne(alone)))
})

test('lines of JSON are split like CSV', async () => {
  const lines = ROWS.map((row) => row.split(',')).map(([id, sold, note]) => JSON.stringify({ id: Number(id), sold, note }))
  const files = { 'data/sales.ndjson': `${lines.join('\n')}\n`, ...pipeline() }
  const json = () =>
    testProject({ ...files, 'pipelines/p/pipeline.ts': files['pipelines/p/pipeline.ts'].replace('sales.csv', 'sales.ndjson') })
  const together = json()
  expect(await ran(together)).toMatchObject({ code: 0, outcomes: all('done'), scans: [3] })
  expect(landed(together)).toEqual(landed(await oneByOne(json())))
})

test.for([
  ['without a time', ',', /"sale" has a row without sold, its window|has no value, and is the window/],
  ['with a time that is none', ',soon', /^column "sold" row 1 of sales.csv: "soon" is not a timestamp$/],
] as const)('a row %s fails every partition, as it does alone', async ([, time, message]) => {
  const bad = csv([`11${time},x`, ...ROWS])
  const { scans, report } = await ran(project(bad), { keepGoing: true })
  expect(scans).toEqual([3])
  const alone = (await ran(project(bad), { partition: '2024-01-09' })).report.partitions[0]?.error?.message
  expect(alone).toMatch(message)
  expect(report.partitions.map(({ error }) => error?.message)).toEqual(DAYS.map(() => alone))
})

test('a run that was stopped scans again for those alone that have not landed', async () => {
  const together = project()
  const stop = new AbortController()
  const first = await ran(together, { signal: stop.signal }, (event, partition) => {
    if (partition === '2024-01-08' && event.type === 'stage' && event.phase === 'start') stop.abort()
  })
  expect(first).toMatchObject({ code: 130, scans: [3] })
  expect(await ran(together)).toMatchObject({ code: 0, outcomes: DAYS.slice(1).map((day) => `${day} done`), scans: [2] })
  expect(landed(together)).toEqual(landed(await oneByOne(project())))
})

test('look-backs and open windows are read by the scan as well', async () => {
  const looking = ", lookback: '2d'"
  const [together, alone] = [project(csv(), looking), project(csv(), looking)]
  expect(await ran(together, { from: '2024-01-09' })).toMatchObject({ code: 0, scans: [4] })
  await oneByOne(alone, ['2024-01-09', '2024-01-10'])
  expect(landed(together)).toEqual(landed(alone))
  expect(landed(together)['p/sale/2024-01-10/_manifests/000001.json']).toMatchObject({ open: true, rows: 1 })
})

const COUNTING = FILES_CONFIG.replace('import {', "import { appendFileSync } from 'node:fs'\nimport {").replace(
  "data: files('data')",
  `data: { ...files('data'), openSource: (tools) => {
    const source = files('data').openSource(tools)
    return { ...source, read: (read, ctx) => {
      appendFileSync('reads', (read.partition ?? 'all') + ' ')
      return source.read(read, ctx)
    } }
  } }`,
)

test('backfill scans once for all of its workers', { timeout: 120_000 }, async () => {
  const together = project()
  together.write({ 'millrace.config.ts': COUNTING })
  const { code, stdout, stderr } = await millrace(together, 'backfill', 'p', '--jobs', '2', '--json')
  expect(code, stderr).toBe(0)
  const { partitions } = JSON.parse(stdout) as RunReport
  expect(partitions.map(({ partition, outcome }) => `${partition} ${outcome}`)).toEqual(all('done'))
  expect(readFileSync(together.path('reads'), 'utf8')).toBe('all ')
  expect(landed(together)).toEqual(landed(await oneByOne(project())))
})

test('files that are cut by partition are read so', async () => {
  const files = Object.fromEntries(DAYS.map((day) => [`data/${day}.csv`, csv(ROWS.filter((row) => row.includes(day)))]))
  const cut = testProject({
    ...files,
    ...pipeline(),
    'pipelines/p/pipeline.ts': pipeline()['pipelines/p/pipeline.ts'].replace('sales.csv', '{partition}.csv'),
  })
  expect(await ran(cut, { to: '2024-01-10' })).toMatchObject({ code: 0, outcomes: all('done'), scans: [] })
})
