import { type TestProject, testProject } from '../kit/project.ts'
import type { Receiver } from '../kit/receiver.ts'

export const KEY = `whsec_${Buffer.alloc(32, 5).toString('base64')}`
export const SALES = 'day,amount\n2024-01-01,1\n2024-01-01,20\n2024-01-02,3\n'

/** What of the project varies. */
export interface Notified {
  /** Settings of the two exports, sales and big, besides their contracts. */
  readonly sales?: string
  readonly big?: string
  /** More of the receivers' settings. */
  readonly webhook?: string
  readonly from?: string
}

/** A project of sales by day, two exports, and receivers `downstream` and `audit`, whose addresses are in the environment: as long as a test runs, for this process and those that it starts. */
export function notifiedProject(
  receivers: Readonly<Record<'downstream' | 'audit', Receiver | undefined>>,
  options: Notified = {},
): TestProject {
  process.env.TEST_NOW = '2024-01-10T00:00:00Z'
  process.env.TEST_DOWNSTREAM = `${receivers.downstream?.url ?? 'http://127.0.0.1:1'}/hook?code=pl4nted-code`
  process.env.TEST_AUDIT = `${receivers.audit?.url ?? 'http://127.0.0.1:1'}/audit`
  process.env.TEST_KEY = KEY
  return testProject({ 'millrace.config.ts': configOf(options), ...pipelineOf(options), 'data/sales.csv': SALES })
}

function configOf({ webhook = '' }: Notified): string {
  const receiver = (name: string) =>
    `webhook({ url: secret('env:TEST_${name}'), secret: secret('env:TEST_KEY'), patienceMs: 100, ${webhook} })`
  return `import { config, duckdb, files, local, secret, webhook } from '#millrace'
import { haltingStore } from ${JSON.stringify(new URL('../torture/rentals/halting.ts', import.meta.url).pathname)}
export default config({ profiles: { dev: {
  connections: { data: files('data') },
  warehouse: duckdb('.millrace/dev/warehouse.duckdb'), landing: local('.millrace/dev/landing'),
  store: haltingStore(local('.millrace/dev/export')),
  notify: { downstream: ${receiver('DOWNSTREAM')}, audit: ${receiver('AUDIT')} },
  limits: { memory: '512MB', threads: 2 },
  get now() { return process.env.TEST_NOW },
} } })
`
}

/** The pipeline's files. */
export function pipelineOf({ sales = "notify: 'downstream'", big = '' }: Notified): Record<string, string> {
  const target = (path: string, more: string) =>
    `csv('${path}', { ${more}${more === '' ? '' : ', '}contract: contract({ formulas: 'raw', columns: { day: 'date', amount: 'int32' }, orderBy: ['day', 'amount'] }) })`
  return {
    'pipelines/p/pipeline.ts': `import { contract, csv, day, pipeline, source, sql } from '#millrace'
import { schema } from './schema.ts'
export default pipeline({
  name: 'p', schema, partition: day({ from: '2024-01-01', to: '2024-01-03' }),
  extract: { sale: source('data').files('sales.csv', { window: 'day' }) },
  transform: { big: sql\`SELECT day, amount FROM sale WHERE amount >= 10\` },
  export: { sale: ${target('sales/{partition}.csv', sales)}, big: ${target('big/{partition}.csv', big)} },
})
`,
    'pipelines/p/schema.ts':
      "export const schema = { sale: { day: 'date', amount: 'int32' }, big: { day: 'date', amount: 'int32' } } as const\n",
  }
}

/** Sales of the first day with one more amount: what is delivered of it is another delivery. */
export function sell(project: TestProject, amount: number): void {
  project.write({ 'data/sales.csv': `${SALES}2024-01-01,${amount}\n` })
}
