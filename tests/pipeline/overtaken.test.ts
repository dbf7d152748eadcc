import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { millrace } from '../kit/millrace.ts'
import { FILES_CONFIG, makeProject, type TestProject } from '../kit/project.ts'

// Two machines, each with a state folder of its own, so that no lock is between them, share landing, warehouse and store. A hook in the warehouse holds the one while the other one commits.

const CONFIG = FILES_CONFIG.replace("from '#millrace'\n", "from '#millrace'\nimport { resolve } from 'node:path'\n")
  .replace('export default config({ profiles: { dev: {', 'const shared = {')
  .replace(
    "warehouse: duckdb('.millrace/dev/warehouse.duckdb')",
    `warehouse: (({ openWarehouse, ...rest }) => ({ ...rest, openWarehouse: (tools) => {
    const warehouse = openWarehouse(tools)
    const moment = (name) => globalThis.overtaken?.(name)
    return { ...warehouse, load: async (request, ctx) => {
      await moment('before load')
      const receipt = await warehouse.load(request, ctx)
      await moment('after load')
      return receipt
    } }
  } }))(duckdb('.millrace/dev/warehouse.duckdb'))`,
  )
  .replace(
    /\} \} \}\)\n$/,
    "}\nexport default config({ profiles: { dev: { ...shared, state: '.millrace/one' }, other: { ...shared, state: '.millrace/other' } } })\n",
  )

const PIPELINE = `import { contract, csv, day, pipeline, replacePartition, source, sql } from '#millrace'
import { schema } from './schema.ts'
const columns = { shop: 'text', owner: 'text', amount: 'decimal(38,2)' } as const
export default pipeline({
  name: 'sales', schema, partition: day({ from: '2024-01-01', to: '2024-01-02' }),
  extract: {
    sale: source('data').files('sales.csv', { window: 'sold' }),
    shop: source('data').files('shops.csv', { cursor: 'changed', key: 'shop' }),
  },
  transform: { daily: sql\`SELECT shop, owner, sum(amount) AS amount FROM sale JOIN shop USING (shop) GROUP BY ALL\` },
  load: { daily: replacePartition('daily') },
  export: { daily: csv('daily/{partition}.csv', { contract: contract({ formulas: 'raw', columns, orderBy: ['shop'] }), plain: true }) },
})
`
const SALES = 'id,sold,shop,amount\n1,2024-01-01 10:00:00,a,1.50\n2,2024-01-01 11:00:00,b,2.50\n'

declare global {
  var overtaken: ((moment: string) => Promise<void>) | undefined
}

let project: TestProject
beforeAll(() => {
  project = makeProject({
    'millrace.config.ts': CONFIG,
    'pipelines/sales/pipeline.ts': PIPELINE,
    'pipelines/sales/schema.ts': `export const schema = {
  sale: { id: 'int32', sold: 'timestamp', shop: 'text', amount: 'decimal(9,2)' },
  shop: { shop: 'text', owner: 'text', changed: 'date' },
  daily: { shop: 'text', owner: 'text', amount: 'decimal(38,2)' },
} as const
`,
    'data/sales.csv': SALES,
    'data/shops.csv': 'shop,owner,changed\na,Ann,2024-01-01\nb,Bob,2024-01-01\n',
  })
})
afterAll(() => project.remove())

const warehouse = () => project.warehouse('SELECT shop, owner, amount FROM daily ORDER BY shop')
const delivered = async () => readFileSync(project.path('.millrace/dev/export/daily/2024-01-01.csv'), 'utf8')

/** Runs the partition; at a moment of its first load the sources change, and the other machine runs it to its end. */
async function overtakenAt(moment: string, changes: Readonly<Record<string, string>>): Promise<number> {
  onTestFinished(() => {
    globalThis.overtaken = undefined
  })
  globalThis.overtaken = async (name) => {
    if (name !== moment) return
    globalThis.overtaken = undefined
    project.write(changes)
    const { code, stderr } = await project.millrace('run', 'sales', '--profile', 'other', '--partition', '2024-01-01', '--refresh')
    expect(code, stderr).toBe(0)
  }
  const { code, error } = await millrace(project, 'run', 'sales', '--partition', '2024-01-01')
  expect(globalThis.overtaken).toBeUndefined()
  expect(code, error).toBe(0)
  return code
}

it('a run that was overtaken before its load takes nothing back, though what all partitions share is newer', async () => {
  await overtakenAt('before load', { 'data/shops.csv': 'shop,owner,changed\na,Ann,2024-01-01\nb,Bea,2024-01-02\n' })
  expect(await warehouse()).toEqual([
    ['a', 'Ann', '1.50'],
    ['b', 'Bea', '2.50'],
  ])
  expect(await delivered()).toBe('shop,owner,amount\na,Ann,1.50\nb,Bea,2.50\n')
})

it('a run that was overtaken between its load and its delivery takes no delivery back', async () => {
  project.write({ 'data/shops.csv': 'shop,owner,changed\na,Abe,2024-01-03\nb,Bea,2024-01-02\n' })
  await overtakenAt('after load', { 'data/sales.csv': SALES.replace('1.50', '7.00') })
  expect(await warehouse()).toEqual([
    ['a', 'Abe', '7.00'],
    ['b', 'Bea', '2.50'],
  ])
  expect(await delivered()).toBe('shop,owner,amount\na,Abe,7.00\nb,Bea,2.50\n')
})
