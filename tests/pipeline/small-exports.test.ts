import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { millrace } from '../kit/millrace.ts'
import { testProject } from '../kit/project.ts'

/** Six exports of one small dataset; of two of them the order is total only where no name comes twice. */
const PIPELINE = `import { contract, csv, pipeline, replace, source } from '#millrace'
import { schema } from './schema.ts'
const by = (...orderBy) => contract({ columns: schema.item, orderBy, formulas: 'raw' })
export default pipeline({
  name: 'items', schema,
  extract: { item: source('data').files('items.csv') },
  load: { item: replace('item') },
  export: { item: ['id', 'name', 'name', 'id', 'id', 'id'].map((column, i) => csv(\`e\${i}.csv\`, { contract: by(column) })) },
})
`

const project = () =>
  testProject({
    'data/items.csv': 'id,name\n1,bolt\n2,bolt\n',
    'pipelines/items/schema.ts': "export const schema = { item: { id: 'int64', name: 'text' } } as const\n",
    'pipelines/items/pipeline.ts': PIPELINE,
  })

interface Report {
  readonly partitions: readonly {
    readonly error?: { readonly message: string; readonly dataset?: string; readonly table?: string }
    readonly steps: readonly { readonly stage: string; readonly target?: string; readonly outcome: string }[]
  }[]
  readonly warnings: readonly string[]
}

test('run commits small exports side by side: one that fails leaves those beside it whole, and the next run makes the rest', async () => {
  const folder = project()
  const failed = await millrace(folder, 'run', 'items', '--json')
  expect(failed.code, failed.stderr).toBe(3)
  const { partitions, warnings } = JSON.parse(failed.stdout) as Report
  expect(partitions[0]?.error?.table).toBe('e1.csv')
  expect(partitions[0]?.error?.message).toContain('orderBy (name) is no total order: 1 of 2 rows repeat the one before, first name=bolt')
  expect(warnings).toEqual([expect.stringContaining('e2.csv has failed as well: orderBy (name) is no total order')])
  const outcomes = Object.fromEntries(partitions[0]?.steps.map(({ stage, target, outcome }) => [target ?? stage, outcome]) ?? [])
  expect(outcomes).toMatchObject({ item: 'done', 'e0.csv': 'done', 'e1.csv': 'failed', 'e2.csv': 'failed', 'e3.csv': 'done' })
  const latest = (i: number) =>
    JSON.parse(readFileSync(folder.path(`.millrace/dev/export/e${i}/latest.json`), 'utf8')) as { switch: number }
  for (const i of [0, 3]) expect(latest(i).switch).toBe(1)

  folder.write({ 'data/items.csv': 'id,name\n1,bolt\n2,nut\n' })
  const mended = await millrace(folder, 'run', 'items', '--json')
  expect(mended.code, mended.stderr).toBe(0)
  expect([0, 1, 2, 3].map((i) => latest(i).switch)).toEqual([2, 1, 1, 2])
  const idle = await millrace(folder, 'run', 'items', '--json')
  expect(JSON.parse(idle.stdout)).toMatchObject({ outcome: 'unchanged' })
})
