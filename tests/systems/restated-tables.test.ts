import { expect, test } from 'vitest'
import type { StaleReport } from '../../lib/pipeline/stale-report.ts'
import { type TestProject, testProject } from '../kit/project.ts'

interface Pieces {
  readonly log?: string
  readonly sold?: string
  readonly cities?: string
  readonly only?: boolean
}

const files = ({ log = 'id, city', sold = 'sold', cities = 'cities', only = false }: Pieces = {}) => ({
  'pipelines/p/schema.ts': `export const schema = { sale: { id: 'int32', buyer: 'int32', at: 'timestamp' }, customer: { id: 'int32', city: 'text', changed: 'timestamp' }, day: { id: 'int32', city: 'text' }, city: { city: 'text', customers: 'int64' }, log: { id: 'int32', city: 'text' } } as const\n`,
  'pipelines/p/pipeline.ts': `import { append, day, merge, pipeline, replace, replacePartition, source, sql } from '#millrace'
import { schema } from './schema.ts'
export default pipeline({ name: 'p', schema, partition: day({ from: '2024-01-08' }),
  extract: { sale: source('data').files('sales.csv', { window: 'at' }), customer: source('data').files('customers.csv', { cursor: 'changed', key: 'id' }) },
  transform: { day: sql\`SELECT sale.id, city FROM sale JOIN customer ON customer.id = buyer\`, city: sql\`SELECT city, count(*) AS customers FROM customer GROUP BY city\`, log: sql\`SELECT ${log} FROM customer.changes\` },
  load: { ${only ? '' : `sale: replacePartition('raw'), day: replacePartition('${sold}'), city: replace('${cities}'), customer: merge('customer', { key: 'id' }), `}log: append('log') } })\n`,
})

const CUSTOMERS = 'id,city,changed\n1,Paris,2024-01-01 00:00:00\n2,Rome,2024-01-02 00:00:00\n'
const project = (pieces: Pieces = {}) =>
  testProject({
    'data/sales.csv': 'id,buyer,at\n1,1,2024-01-08 10:00:00\n2,2,2024-01-09 10:00:00\n',
    'data/customers.csv': CUSTOMERS,
    ...files(pieces),
  })

async function ran(of: TestProject, ...argv: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await of.millrace(...argv)
  expect(code, stdout + stderr.slice(-2000)).toBe(0)
  return stdout
}

const DAYS = ['2024-01-08', '2024-01-09']

test('a table that is renamed is told as such, with what it was', async () => {
  const sales = project()
  await ran(sales, 'run', 'p')
  sales.write(files({ sold: 'fct_sold', cities: 'dim_city' }))
  const { causes, partitions } = JSON.parse(await ran(sales, 'plan', 'p', '--stale', '--json')) as StaleReport
  const leaf = (dataset: string, target: string, of: readonly string[]) => [
    { dataset, targets: [{ stage: 'load', target, partitions: of }], derived: [] },
  ]
  expect(causes).toEqual([
    { kind: 'renamed', name: 'fct_sold', what: 'sold', follows: leaf('day', 'fct_sold', DAYS) },
    { kind: 'renamed', name: 'dim_city', what: 'cities', follows: leaf('city', 'dim_city', []) },
  ])
  expect(partitions).toEqual([])
  expect(await ran(sales, 'plan', 'p', '--stale')).toContain(
    'table fct_sold was sold: it is made anew under this name, and sold stays until somebody drops it\n└─ day\n   └─ load fct_sold: 2 partitions (2024-01-08, 2024-01-09)',
  )
  await ran(sales, 'run', 'p')
  expect(await ran(sales, 'plan', 'p', '--stale')).toContain('nothing changed since it was made')
  // Another step under a new name is no renamed table.
  sales.write({
    'pipelines/p/pipeline.ts': files({ sold: 'other', cities: 'dim_city' })['pipelines/p/pipeline.ts'].replace(
      'SELECT sale.id,',
      'SELECT sale.id + 1 AS id,',
    ),
  })
  expect(await ran(sales, 'plan', 'p', '--stale')).not.toContain('table other')
})

test('tables that take loads one by one are in the tree with what becomes of their rows, until the next load', async () => {
  const sales = project()
  await ran(sales, 'run', 'p')
  sales.write(files({ log: 'id, upper(city) AS city' }))
  expect(await ran(sales, 'plan', 'p', '--stale')).toContain(
    'SQL of log changed: its text\n└─ log\n   └─ load log: rows that are there stay as they were made, loads that land from now on are made by this',
  )
  sales.write({ 'data/customers.csv': `${CUSTOMERS}3,Oslo,2024-01-03 00:00:00\n` })
  await ran(sales, 'run', 'p')
  expect(await sales.warehouse('SELECT city FROM log ORDER BY id')).toEqual([['Paris'], ['Rome'], ['OSLO']])
  // What was joined with earlier customers is stale by its inputs: status, which knows code alone, has none.
  const told = await ran(sales, 'plan', 'p', '--stale')
  expect(told).toContain('p (dev): 2 of 2 partitions that are done are stale, by their inputs alone: status does not count them')
  expect(told).not.toContain('log')
  expect(await ran(sales, 'status', 'p')).not.toContain('stale')
})
