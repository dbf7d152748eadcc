import { readdirSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type TestPostgres, testPostgres } from '../../kit/postgres.ts'
import { CHECKOUT, command, testProject } from '../../kit/project.ts'

let server: TestPostgres
let database: string
beforeAll(async () => {
  server = await testPostgres()
  database = await server.createDatabase()
  await server.query(
    database,
    `CREATE TABLE payment (id int4 PRIMARY KEY, customer int4, amount numeric(9,2), at timestamp);
     INSERT INTO payment SELECT i, i % 5, i / 100.0, '2018-02-01'::timestamp + i * interval '1 hour' FROM generate_series(0, 71) AS i;
     CREATE TABLE customer (id int4 PRIMARY KEY, name text, changed timestamptz);
     INSERT INTO customer SELECT i, 'c' || i, '2018-01-01 00:00+00'::timestamptz + i * interval '1 day' FROM generate_series(0, 4) AS i`,
  )
})
afterAll(() => server.stop())

const CONFIG = `import { config, duckdb, local, postgres, secret } from '#millrace'
export default config({ profiles: { dev: {
  connections: { crm: postgres({ host: '127.0.0.1', port: Number(process.env.TEST_PORT), database: process.env.TEST_DATABASE ?? '', user: 'postgres', password: secret('env:TEST_PASSWORD'), insecure: true, zone: 'Europe/Berlin' }) },
  warehouse: duckdb('.millrace/dev/warehouse.duckdb'),
  landing: local('.millrace/dev/landing'),
  store: local('.millrace/dev/export'),
  limits: { memory: '512MB', threads: 2 },
  now: '2018-02-04T12:00:00Z',
} } })
`
const PIPELINE = `import { day, merge, pipeline, replacePartition, source, sql } from '#millrace'
import { schema } from './schema.ts'
/** Payments. */
export default pipeline({
  name: 'crm',
  schema,
  partition: day({ from: '2018-02-01', to: '2018-02-04', zone: 'Europe/Berlin' }),
  extract: {
    payment: source('crm').table('payment', { window: 'at' }),
    customer: source('crm').table('customer', { cursor: 'changed', key: 'id' }),
    big: source('crm').query('SELECT customer, count(*) AS n FROM payment WHERE at < {end} GROUP BY customer'),
  },
  transform: { daily: sql\`SELECT c.name, sum(p.amount)::decimal(18,2) AS amount FROM payment AS p JOIN customer AS c ON c.id = p.customer GROUP BY ALL\` },
  load: { customer: merge('customer', { key: 'id' }), daily: replacePartition('daily'), big: replacePartition('big') },
})
`

it('a pipeline discovers, plans, runs and resumes; the password is nowhere, and insecure is recorded', async () => {
  const project = testProject({ 'millrace.config.ts': CONFIG, 'pipelines/crm/pipeline.ts': PIPELINE })
  const millrace = (extensions: string | undefined, ...args: string[]) =>
    command(process.execPath, [`${CHECKOUT}/bin/millrace.js`, ...args], project.folder, {
      TEST_PORT: String(server.port),
      TEST_DATABASE: database,
      TEST_PASSWORD: server.password,
      ...(extensions !== undefined && { MILLRACE_EXTENSIONS: extensions }),
    })
  const here = `${CHECKOUT}/.millrace/extensions`
  expect(await millrace(here, 'plan', 'crm', '--discover')).toMatchObject({ code: 0, stderr: '' })
  expect(readFileSync(project.path('pipelines/crm/schema.ts'), 'utf8')).toMatch(/amount: 'decimal\(9,2\)',\s+at: 'timestamp'/)

  const planned = await millrace('/nowhere', 'plan', 'crm')
  expect(planned.stdout).toContain(
    "connection crm is read by COPY streams, slower: DuckDB's postgres_scanner is not in place (millrace setup puts it there)",
  )
  expect(planned.stdout).toContain('connection crm is not verified: it is configured as insecure')

  const run = await millrace(here, 'run', 'crm')
  expect(run).toMatchObject({ code: 0 })
  expect(await project.warehouse('SELECT _partition, count(*), sum(amount) FROM daily GROUP BY 1 ORDER BY 1')).toEqual([
    ['2018-02-01', '5', '2.76'],
    ['2018-02-02', '5', '8.52'],
    ['2018-02-03', '5', '14.28'],
  ])
  expect(await project.warehouse("SELECT sum(n) FROM big WHERE _partition = '2018-02-02'")).toEqual([['48']])

  await server.query(database, "UPDATE customer SET name = 'new', changed = '2018-02-03 00:00+00' WHERE id = 2")
  expect(await millrace('/nowhere', 'run', 'crm')).toMatchObject({ code: 0 })
  expect(await project.warehouse('SELECT id, name FROM customer WHERE id IN (1, 2) ORDER BY 1')).toEqual([
    ['1', 'c1'],
    ['2', 'new'],
  ])

  const files = readdirSync(project.path('.millrace'), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const texts = files.map((entry) => readFileSync(`${entry.parentPath}/${entry.name}`, 'latin1'))
  expect(texts.filter((text) => text.includes(server.password))).toEqual([])
  expect(run.stdout + run.stderr + planned.stdout).not.toContain(server.password)
  const records = files
    .filter(({ name }) => name === 'run.json')
    .map((entry) => JSON.parse(readFileSync(`${entry.parentPath}/${entry.name}`, 'utf8')))
  expect(records).toHaveLength(2)
  for (const record of records)
    expect(record.warnings).toContainEqual(expect.stringMatching(/is not verified: it is configured as insecure/))
  // The sweep of the workspace leaves no FIFO behind.
  expect(readdirSync(project.path('.millrace/dev/workspace')).filter((name) => !name.startsWith('_'))).toEqual([])
})
