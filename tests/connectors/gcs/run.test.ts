import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type GcsServer, startGcsServer } from '../../kit/gcs-server.ts'
import { makeProject, type TestProject } from '../../kit/project.ts'
import { expectGuarded } from './kit.ts'

const PIPELINE = `import { contract, csv, day, merge, pipeline, replacePartition, source, sql } from '#millrace'
import { schema } from './schema.ts'
const perDay = contract({ formulas: 'raw', columns: { day: 'date', shop: 'text', amount: 'decimal(18,2)' }, orderBy: ['day', 'shop'] })
export default pipeline({
  name: 'sales', schema, partition: day({ from: '2024-01-01', to: '2024-01-03' }),
  extract: {
    sale: source('data').files('sales.csv', { window: 'sold' }),
    customer: source('data').files('customers.csv', { cursor: 'changed', key: 'id' }),
  },
  transform: {
    daily: sql\`SELECT CAST(sold AS DATE) AS day, shop, CAST(sum(amount) AS DECIMAL(18,2)) AS amount FROM sale GROUP BY ALL\`,
  },
  load: { daily: replacePartition('daily'), customer: merge('customer', { key: 'id' }) },
  export: { daily: csv('daily/{partition}.csv', { contract: perDay, plain: true }) },
})
`
const FILES = {
  'pipelines/sales/pipeline.ts': PIPELINE,
  'pipelines/sales/schema.ts': `export const schema = {
  sale: { id: 'int32', sold: 'timestamp', shop: 'text', amount: 'decimal(9,2)' },
  customer: { id: 'int32', name: 'text', changed: 'date' },
  daily: { day: 'date', shop: 'text', amount: 'decimal(18,2)' },
} as const
`,
  'data/sales.csv': 'id,sold,shop,amount\n1,2024-01-01 10:00:00,a,1.50\n2,2024-01-02 10:00:00,a,2.50\n3,2024-01-02 11:00:00,b,4.00\n',
  'data/customers.csv': 'id,name,changed\n1,Ann,2024-01-01\n2,Bob,2024-01-02\n',
}
const PLAIN = ['daily/2024-01-01.csv', 'daily/2024-01-02.csv']

let server: GcsServer
let local: TestProject
let remote: TestProject
beforeAll(async () => {
  server = await startGcsServer()
  local = makeProject(FILES)
  const bucket = (prefix: string) => `gcs({ bucket: 'bucket', prefix: '${prefix}', apiEndpoint: '${server.url}', retries: 1 })`
  remote = makeProject({
    ...FILES,
    'millrace.config.ts': readFileSync(local.path('millrace.config.ts'), 'utf8')
      .replace('files, local', 'files, gcs')
      .replace("local('.millrace/dev/landing')", bucket('landing'))
      .replace("local('.millrace/dev/export')", bucket('export')),
  })
})
afterAll(async () => {
  local?.remove()
  remote?.remove()
  await server?.close()
})

const download = async (name: string) => (await fetch(`${server.url}/storage/v1/b/bucket/o/${encodeURIComponent(name)}?alt=media`)).text()

it('a run ends with exit 75 while the bucket is away, and is brought to its end by the next one', async () => {
  server.fail({ on: 'rewrite', times: 99, fault: { kind: 'status', status: 503 } })
  const failed = await remote.millrace('run', 'sales')
  expect(failed.code).toBe(75)
  expect(failed.stdout).toMatch(
    /sales export daily partition 2024-01-01: cannot copy gs:\/\/bucket\/export\/_tmp\/\S+ to gs:\/\/bucket\/export\/daily\/\S+: Cloud Storage answered 503/,
  )
  expect(failed.stdout).toContain('run again later')
  server.calm()
  expect(await remote.millrace('run', 'sales')).toMatchObject({ code: 0 })
  expectGuarded(server.requests)
})

it('landing and delivering in a bucket gives what a local disk gives', async () => {
  expect(await local.millrace('run', 'sales')).toMatchObject({ code: 0 })
  for (const path of PLAIN) expect(await download(`export/${path}`)).toBe(readFileSync(local.path('.millrace/dev/export', path), 'utf8'))
  const query = 'SELECT * EXCLUDE (_load) FROM daily ORDER BY ALL'
  expect(await remote.warehouse(query)).toEqual(await local.warehouse(query))
  expect(server.names().filter((name) => name.includes('.millrace-tmp/'))).toEqual([])
})

it('the next run finds that everything is up to date', async () => {
  const again = await remote.millrace('run', 'sales')
  expect(again.code).toBe(0)
  expect(again.stdout).toContain('nothing to do')
})
