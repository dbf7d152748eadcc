import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestPostgres, testPostgres } from '../../kit/postgres.ts'
import { CHECKOUT, command, testProject } from '../../kit/project.ts'

let server: TestPostgres
let database: string
beforeAll(async () => {
  server = await testPostgres()
  database = await server.createDatabase()
  await server.query(database, 'CREATE TABLE n AS SELECT 9::numeric AS v, 1 AS id')
})
afterAll(() => server.stop())

const CONFIG = `import { config, duckdb, local, postgres, secret } from '#millrace'
export default config({ profiles: { dev: {
  connections: { crm: postgres({ host: '127.0.0.1', port: Number(process.env.TEST_PORT), database: process.env.TEST_DATABASE ?? '', user: 'postgres', password: secret('env:TEST_PASSWORD') }) },
  warehouse: duckdb('.millrace/dev/warehouse.duckdb'), landing: local('.millrace/dev/landing'), store: local('.millrace/dev/export'),
  limits: { memory: '512MB', threads: 2 },
} } })
`

function project(options: string, schema?: string) {
  const { folder } = testProject({
    'millrace.config.ts': CONFIG,
    'pipelines/p/pipeline.ts': `import { pipeline, source } from '#millrace'
import { schema } from './schema.ts'
export default pipeline({ name: 'p', schema, extract: { n: source('crm').table('n', { key: 'id', ${options} }) } })
`,
    ...(schema !== undefined && { 'pipelines/p/schema.ts': `export const schema = { n: ${schema} } as const\n` }),
  })
  return (...args: string[]) =>
    command(process.execPath, [`${CHECKOUT}/bin/millrace.js`, ...args], folder, {
      ...{ TEST_PORT: String(server.port), TEST_DATABASE: database, TEST_PASSWORD: server.password },
    })
}

test.each([
  ['the column itself', "cursor: 'v'"],
  ['a new name of it', "cursor: 'w', columns: { id: 'id', w: 'v' }"],
])('plan --discover refuses %s, whose text has another order', async (_, options) => {
  const millrace = project(options)
  const { code, stderr } = await millrace('plan', 'p', '--discover')
  expect([code, stderr]).toEqual([
    2,
    expect.stringContaining('error: p extract n: "v" of public.n cannot be a cursor: it is numeric at the source'),
  ])
})

test.each([
  ['an expression that orders it', "cursor: 'v', columns: { id: 'id', v: 'CAST(v AS DECIMAL(38,9))' }", undefined],
  ['a type that orders it', "cursor: 'v'", "{ v: 'decimal(38,9)', id: 'int32' }"],
])('%s is a cursor: what is newer is read', async (_, options, schema) => {
  const millrace = project(options, schema)
  expect(await millrace('plan', 'p', '--discover')).toMatchObject({ code: 0 })
  expect(await millrace('run', 'p')).toMatchObject({ code: 0 })
  await server.query(database, 'UPDATE n SET v = 10')
  const { stdout } = await millrace('run', 'p', '--json')
  await server.query(database, 'UPDATE n SET v = 9')
  expect(JSON.parse(stdout).partitions[0].steps).toContainEqual(expect.objectContaining({ stage: 'land', outcome: 'done', rows: 1 }))
})
