import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { PipelineGrid } from '../../lib/pipeline/state/grid-report.ts'
import { millrace } from '../kit/millrace.ts'
import { type TestProject, testProject } from '../kit/project.ts'

const pipelineText = (
  least: number,
  most = 1000,
) => `import { between, contract, csv, keys, pipeline, replacePartition, source, sql } from '#millrace'
import { schema } from './schema.ts'
export default pipeline({
  name: 'p', schema, partition: keys(['krakow', 'wien']),
  extract: { sale: source('data').files('{partition}.csv') },
  transform: { dear: sql\`SELECT id, amount FROM sale WHERE amount > ${least}\` },
  check: { dear: [between('amount', 0, ${most})] },
  load: { sale: replacePartition('sale') },
  export: { dear: csv('dear/{partition}.csv', { contract: contract({ formulas: 'raw', columns: { id: 'int64', amount: 'int64' }, orderBy: ['id'], gate: { removed: 0.1 } }) }) },
})
`
const sales = (rows: number, amount: number) => `id,amount\n${Array.from({ length: rows }, (_, i) => `${i},${amount}\n`).join('')}`

const project = () =>
  testProject({
    'pipelines/p/pipeline.ts': pipelineText(1),
    'pipelines/p/schema.ts':
      "export const schema = { sale: { id: 'int64', amount: 'int64' }, dear: { id: 'int64', amount: 'int64' } } as const\n",
    'data/krakow.csv': sales(20, 5),
    'data/wien.csv': sales(5, 2000),
  })

const gridOf = async (p: TestProject): Promise<PipelineGrid> => JSON.parse((await millrace(p, 'status', 'p', '--grid', '--json')).stdout)
const stagesOf = ({ partitions }: PipelineGrid) =>
  partitions.map(({ partition, state, stages }) => [partition, state, Object.values(stages).join(' ')])

test('a grid follows a pipeline from nothing to done, failed, held and stale', async () => {
  const p = project()
  expect(stagesOf(await gridOf(p))).toEqual([
    ['krakow', 'missing', 'missing missing missing missing missing missing'],
    ['wien', 'missing', 'missing missing missing missing missing missing'],
  ])
  // A price in wien is out of bounds.
  expect((await millrace(p, 'run', 'p', '--keep-going')).code).toBe(1)
  const failed = await gridOf(p)
  expect(stagesOf(failed)).toEqual([
    ['krakow', 'done', 'done done done done done done'],
    ['wien', 'failed', 'done done missing failed missing missing'],
  ])
  expect(failed.counts).toMatchObject({ done: 1, failed: 1 })
  const [krakow, wien] = failed.partitions
  expect(wien).toMatchObject({ attempts: 1, error: expect.stringContaining('amount') })
  expect(wien?.datasets.find(({ stage }) => stage === 'check')).toMatchObject({ dataset: 'dear', state: 'failed', error: wien?.error })
  for (const { stage, rows, peakBytes, attempts, run, inputKey } of krakow?.datasets ?? []) {
    if (stage === 'extract') continue
    expect([stage, rows, attempts]).toEqual([stage, 20, 1])
    expect(peakBytes, stage).toBeGreaterThan(50e6)
    expect([run, inputKey], stage).toEqual([krakow?.run, expect.stringMatching(/^[0-9a-f]{12}/)])
  }
  const text = (await millrace(p, 'status', 'p', '--grid')).stdout
  expect(text).toMatch(/^p \(dev\): 2 partitions\nF failed 1 {3}\. missing {3}d done 1\n\n.*\nkrakow {5}d +d +d +d +d +d +done +1 /)
  expect(text).toMatch(/\nwien {7}d +d +\. +F +\. +\. +failed +1 .*\n {2}/)

  // What is right now is made at the second attempt; of the other so much is gone that its gate holds it.
  p.write({ 'data/wien.csv': sales(5, 20), 'data/krakow.csv': sales(5, 5) })
  expect((await millrace(p, 'run', 'p', '--partition', 'wien', '--refresh')).code).toBe(0)
  expect((await millrace(p, 'run', 'p', '--partition', 'krakow', '--refresh')).code).toBe(3)
  const held = await gridOf(p)
  expect(stagesOf(held)).toEqual([
    ['krakow', 'quarantined', 'done done due due done quarantined'],
    ['wien', 'done', 'done done done done done done'],
  ])
  expect(held.partitions[1]?.attempts).toBe(2)

  expect((await millrace(p, 'status', 'p', '--html', p.path('grid.html'))).stdout).toContain('grid.html: 2 partitions')
  expect(readFileSync(p.path('grid.html'), 'utf8')).toContain('<title>p (dev)</title>')

  expect((await millrace(p, 'ledger', 'rebuild')).code).toBe(0)
  const again = await gridOf(p)
  expect(stagesOf(again)).toEqual(stagesOf(held))
  expect(again.partitions.map(({ datasets }) => datasets)).toEqual(
    held.partitions.map(({ datasets }) => datasets.map((each) => ({ ...each, at: expect.any(String) }))),
  )
})

test('what other code has made is stale in the grid, stage by stage', async () => {
  const p = project()
  p.write({ 'data/wien.csv': sales(5, 20) })
  expect((await millrace(p, 'run', 'p')).code).toBe(0)
  p.write({ 'pipelines/p/pipeline.ts': pipelineText(2) })
  const grid = await gridOf(p)
  expect(stagesOf(grid).map((each) => each.slice(1))).toEqual(Array(2).fill(['stale', 'done done stale stale done stale']))
  // Making it again fails, which the list and a backfill's choice say as the grid does.
  p.write({ 'pipelines/p/pipeline.ts': pipelineText(2, 3) })
  expect((await millrace(p, 'run', 'p', '--stale')).code).toBe(3)
  expect((await gridOf(p)).counts).toMatchObject({ failed: 1, stale: 1 })
  expect((await millrace(p, 'status', 'p')).stdout).toMatch(/^p \(dev\): 1 done; 1 failed \(krakow\)/)
  expect((await millrace(p, 'backfill', 'p', '--failed', '--dry-run')).stdout).toMatch(/\nkrakow +failed: .*amount/)
})

test('a grid is of one pipeline, and its page goes where there is a folder', async () => {
  const p = project()
  expect(await millrace(p, 'status', '--grid')).toMatchObject({ code: 2, error: expect.stringContaining('a grid is of one pipeline') })
  expect(await millrace(p, 'status', 'p', '--html', p.path('no/grid.html'))).toMatchObject({
    code: 2,
    error: expect.stringContaining('there is no such folder'),
  })
  expect(await millrace(p, 'status', 'p', '--html', p.folder)).toMatchObject({ code: 2, error: expect.stringContaining('is a folder') })
})
