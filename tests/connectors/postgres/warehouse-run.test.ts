import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestPostgres, testPostgres } from '../../kit/postgres.ts'
import { FILES_CONFIG, testProject } from '../../kit/project.ts'

let server: TestPostgres
beforeAll(async () => {
  server = await testPostgres({ version: 18 })
})
afterAll(() => server.stop())

test('millrace run loads into PostgreSQL, resumes, has nothing to do twice, and shows no password', async () => {
  const { host, port, user, password } = server
  const database = await server.createDatabase()
  const project = testProject({
    'millrace.config.ts': FILES_CONFIG.replace('duckdb, files, local', 'files, local, postgres, secret').replace(
      /duckdb\('[^']*'\)/,
      `postgres({ host: '${host}', port: ${port}, database: '${database}', user: '${user}', password: secret('file:password') })`,
    ),
    password,
    'pipelines/sales/pipeline.ts': `import { keys, merge, pipeline, replacePartition, source, sql } from '#millrace'
const columns = { id: 'int64', amount: 'decimal(9,2)' } as const
export default pipeline({
  name: 'sales', schema: { sale: columns, total: { sales: 'int64', amount: 'decimal(38,2)' } }, partition: keys(['north', 'south']),
  extract: { sale: source('data').files('{partition}.csv') },
  transform: { total: sql\`SELECT count(*) AS sales, sum(amount) AS amount FROM sale WHERE $partition IS NOT NULL\` },
  load: { sale: merge('sale', { key: 'id' }), total: replacePartition('total') },
})
`,
    'data/north.csv': 'id,amount\n1,1.10\n2,2.20\n',
    'data/south.csv': 'id,amount\n3,3.30\n',
  })
  const tables = async () => [
    ...(await server.query(database, 'SELECT id, amount, _partition FROM sale ORDER BY id')),
    ...(await server.query(database, 'SELECT sales, amount, _partition FROM total ORDER BY _partition')),
  ]
  expect(await project.millrace('plan', 'sales')).toMatchObject({ code: 0 })
  const first = await project.millrace('run', 'sales')
  expect(first, first.stderr).toMatchObject({ code: 0 })
  expect(await tables()).toEqual([
    ['1', '1.10', 'north'],
    ['2', '2.20', 'north'],
    ['3', '3.30', 'south'],
    ['2', '3.30', 'north'],
    ['1', '3.30', 'south'],
  ])
  const attempts = () => server.query(database, 'SELECT "table", "partition", attempt FROM _millrace_tokens ORDER BY 1, 2')
  const before = await attempts()
  expect(await project.millrace('run', 'sales')).toMatchObject({ code: 0, stdout: expect.stringContaining('nothing to do') })
  expect(await attempts()).toEqual(before)
  const loaded = await tables()
  await server.query(database, 'DROP TABLE sale')
  const again = await project.millrace('run', 'sales')
  expect(again, again.stderr).toMatchObject({ code: 0, stdout: expect.stringContaining('partitions: 2 done') })
  expect(await tables()).toEqual(loaded)
  const all = [first, again, await project.millrace('config'), await project.millrace('status', 'sales', '--json')]
  expect(all.map(({ stdout, stderr }) => stdout + stderr).join('')).not.toContain(password)
})
