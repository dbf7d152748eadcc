import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { plan } from '../../lib/pipeline/define/plan.ts'
import { openProject } from '../../lib/pipeline/project.ts'
import { testProject } from '../kit/project.ts'

/** A server that counts who connects, and hangs up. */
async function counter() {
  let connections = 0
  const server = createServer((socket) => {
    connections++
    socket.on('error', () => {}).destroy()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return { port: (server.address() as AddressInfo).port, count: () => connections }
}

/** Every system of the profile is the one server. */
const configOf = (port: number) => `import { config, gcs, http, postgres, s3, secret, webhook } from '#millrace'
const database = { host: '127.0.0.1', port: ${port}, database: 'd', user: 'u', insecure: true, retries: 0 } as const
export default config({ profiles: { dev: {
  connections: { api: http({ baseUrl: 'http://127.0.0.1:${port}/', retries: 0 }), crm: postgres(database) },
  warehouse: postgres(database),
  landing: gcs({ bucket: 'landing', apiEndpoint: 'http://127.0.0.1:${port}', retries: 0 }),
  store: s3({ bucket: 'deliveries', region: 'us-east-1', endpoint: 'http://127.0.0.1:${port}', accessKeyId: 'a', secretAccessKey: secret('env:NOWHERE'), retries: 0 }),
  notify: { hook: webhook({ url: 'http://127.0.0.1:${port}/hook', secret: secret('env:NOWHERE') }) },
  now: '2024-01-03T00:00:00Z',
} } })
`

const PIPELINE = `import { contract, csv, day, merge, notNull, pipeline, replacePartition, source, sql } from '#millrace'
import { schema } from './schema.ts'
export default pipeline({
  name: 'p', schema, partition: day({ from: '2024-01-01' }),
  extract: {
    event: source('api').get('events', { window: 'at' }),
    customer: source('crm').table('customer', { cursor: 'changed', key: 'id' }),
  },
  transform: { daily: sql\`SELECT customer, count(*) AS n FROM event GROUP BY ALL\` },
  check: { daily: [notNull('customer')] },
  load: { daily: replacePartition('daily'), customer: merge('customer', { key: 'id' }) },
  export: { daily: csv('daily/{partition}.csv', { contract: contract({ formulas: 'raw', columns: { customer: 'int64', n: 'int64' }, orderBy: ['customer'] }), notify: 'hook' }) },
})
`
const SCHEMA = `export const schema = {
  event: { at: 'timestamptz', customer: 'int64' },
  customer: { id: 'int64', changed: 'timestamptz' },
} as const
`

test('plan opens no connection to a source, a warehouse, a store or a receiver, unless it is to discover', async () => {
  const server = await counter()
  const { folder } = testProject({
    'millrace.config.ts': configOf(server.port),
    'pipelines/p/pipeline.ts': PIPELINE,
    'pipelines/p/schema.ts': SCHEMA,
  })
  const project = await openProject(folder)

  const report = await plan(project, 'p')

  expect(report.partitions.due).toEqual(['2024-01-01', '2024-01-02'])
  expect(server.count()).toBe(0)
  await expect(plan(project, 'p', { discover: true })).rejects.toThrow()
  expect(server.count()).toBeGreaterThan(0)
})
