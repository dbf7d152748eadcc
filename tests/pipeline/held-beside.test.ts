import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { millrace } from '../kit/millrace.ts'
import { testProject } from '../kit/project.ts'

const PIPELINE = `import { contract, csv, pipeline, source } from '#millrace'
import { schema } from './schema.ts'
const to = (path, gate) => csv(path, { contract: contract({ columns: schema.item, orderBy: ['id'], formulas: 'raw', gate }) })
export default pipeline({
  name: 'items', schema,
  extract: { item: source('data').files('items.csv') },
  export: { item: [to('e0.csv', { removed: 0 }), to('e1.csv'), to('e2.csv', { removed: 0 }), to('e3.csv')] },
})
`

test('an export that is held keeps none of the others: they are delivered, and each that is held as well is named', async () => {
  const project = testProject({
    'data/items.csv': 'id\n1\n2\n',
    'pipelines/items/schema.ts': "export const schema = { item: { id: 'int64' } } as const\n",
    'pipelines/items/pipeline.ts': PIPELINE,
  })
  expect((await millrace(project, 'run', 'items')).code).toBe(0)
  project.write({ 'data/items.csv': 'id\n1\n' })
  const run = await millrace(project, 'run', 'items', '--json')
  expect(run.code, run.stderr).toBe(3)
  const { partitions, warnings } = JSON.parse(run.stdout)
  expect(partitions[0]?.error).toMatchObject({ table: 'e0.csv', message: expect.stringContaining('removed 1 of 2 rows') })
  expect(warnings).toEqual([expect.stringContaining('e2.csv is held as well: held, since it differs too much')])
  const at = (path: string) => project.path('.millrace/dev/export', path)
  const switches = [0, 1, 2, 3].map((i) => JSON.parse(readFileSync(at(`e${i}/latest.json`), 'utf8')).switch)
  expect(switches).toEqual([1, 2, 1, 2])
  expect([0, 2].every((i) => existsSync(at(`e${i}/held.json`)))).toBe(true)
  for (const path of ['e0.csv', 'e2.csv'])
    expect((await millrace(project, 'deliver', 'accept', 'items', path, '--reason', 'sold')).code).toBe(0)
  expect((await millrace(project, 'run', 'items')).stdout).toContain('nothing to do')
})
