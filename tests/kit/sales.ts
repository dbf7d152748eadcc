import { readFileSync } from 'node:fs'
import { makeProject, type TestProject } from './project.ts'

const PIPELINE = `import { contract, csv, day, merge, pipeline, replacePartition, source, sql } from '#millrace'
import { schema } from './schema.ts'
const perDay = contract({ formulas: 'raw', columns: { day: 'date', shop: 'text', amount: 'decimal(18,2)' }, orderBy: ['day', 'shop'] })
export default pipeline({
  name: 'sales', schema, partition: day({ from: '2024-01-01', to: '2024-01-03' }),
  extract: {
    sale: source('data').files('sales.csv', { window: 'sold' }),
    customer: source('data').files('customers.csv', { cursor: 'changed', key: 'id' }),
    shop: source('data').files('shops.csv'),
  },
  transform: {
    daily: sql\`SELECT CAST(sold AS DATE) AS day, shop, CAST(sum(amount) AS DECIMAL(18,2)) AS amount FROM sale SEMI JOIN shop AS s ON s.code = sale.shop GROUP BY ALL\`,
  },
  load: { daily: replacePartition('daily'), customer: merge('customer', { key: 'id' }) },
  export: { daily: csv('daily/{partition}.csv', { contract: perDay, plain: true }) },
})
`
/** Sales by day of two shops: a window, a cursor and a dataset that is read whole, merged, replaced by partition, and delivered with plain copies. */
const FILES = {
  'pipelines/sales/pipeline.ts': PIPELINE,
  'pipelines/sales/schema.ts': `export const schema = {
  sale: { id: 'int32', sold: 'timestamp', shop: 'text', amount: 'decimal(9,2)' },
  customer: { id: 'int32', name: 'text', changed: 'date' },
  shop: { code: 'text' },
  daily: { day: 'date', shop: 'text', amount: 'decimal(18,2)' },
} as const
`,
  'data/sales.csv': 'id,sold,shop,amount\n1,2024-01-01 10:00:00,a,1.50\n2,2024-01-02 10:00:00,a,2.50\n3,2024-01-02 11:00:00,b,4.00\n',
  'data/shops.csv': 'code\na\nb\n',
  'data/customers.csv': 'id,name,changed\n1,Ann,2024-01-01\n2,Bob,2024-01-02\n',
}
/** The plain copies that it delivers. */
export const PLAIN = ['daily/2024-01-01.csv', 'daily/2024-01-02.csv']

/** The same project twice: on a local disk, and with landing and export store elsewhere. `place` gives the text of a store with a prefix, `names` are what it imports. */
export function salesProjects(
  names: string,
  place: (prefix: string) => string,
): { readonly local: TestProject; readonly remote: TestProject } {
  const local = makeProject(FILES)
  const remote = makeProject({
    ...FILES,
    'millrace.config.ts': readFileSync(local.path('millrace.config.ts'), 'utf8')
      .replace('files, local', `files, ${names}`)
      .replace("local('.millrace/dev/landing')", place('landing'))
      .replace("local('.millrace/dev/export')", place('export')),
  })
  return { local, remote }
}
