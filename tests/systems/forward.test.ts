import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type TestPostgres, testPostgres } from '../kit/postgres.ts'
import { CHECKOUT, type TestProject, testProject } from '../kit/project.ts'

let server: TestPostgres
beforeAll(async () => {
  server = await testPostgres()
})
afterAll(() => server.stop())

interface Step {
  readonly stage: string
  readonly dataset: string
  readonly outcome: string
  readonly rows?: number
  readonly bytes?: number
  readonly counts?: Readonly<Record<string, number>>
}

/** A project that forwards from one database of the server into another. */
async function setup(body: string): Promise<{
  readonly project: TestProject
  source(sql: string): Promise<unknown>
  warehouse(sql: string): Promise<readonly string[]>
  /** Outcomes of the units, then steps of them all. */
  run(
    ...args: readonly string[]
  ): Promise<{ readonly code: number | null; readonly units: readonly string[]; readonly steps: readonly Step[]; readonly text: string }>
}> {
  const [from, to] = [await server.createDatabase(), await server.createDatabase()]
  const { host, port, user } = server
  const at = (database: string) =>
    `postgres({ host: '${host}', port: ${port}, database: '${database}', user: '${user}', password: secret('file:password') })`
  const project = testProject({
    password: server.password,
    'millrace.config.ts': `import { config, local, postgres, secret } from '#millrace'
export default config({ profiles: { dev: {
  connections: { shop: ${at(from)} }, warehouse: ${at(to)},
  landing: local('.millrace/dev/landing'), store: local('.millrace/dev/export'), limits: { memory: '512MB', threads: 2 },
  get now() { return process.env.TEST_NOW ?? '2024-01-04T12:00:00Z' },
} } })
`,
    'pipelines/p/pipeline.ts': `import { day, pipeline, replace, replacePartition, source } from '#millrace'
import { schema } from './schema.ts'
export default pipeline({ name: 'p', schema, ${body} })
`,
  })
  return {
    project,
    source: (sql) => server.query(from, sql),
    warehouse: async (sql) => (await server.query(to, sql)).map((row) => row.join('|')),
    run: async (...args) => {
      const { code, stdout, stderr } = await project.millrace('run', 'p', '--json', ...args)
      if (!stdout.includes('"partitions"')) throw new Error(stderr + stdout)
      const report = JSON.parse(stdout) as {
        partitions: { partition: string; outcome: string; error?: { message: string }; steps: Step[] }[]
      }
      return {
        code,
        units: report.partitions.map(({ partition, outcome }) => `${partition || 'shared'} ${outcome}`),
        steps: report.partitions.flatMap(({ steps }) => steps),
        text: stderr + stdout,
      }
    },
  }
}

it('a whole table is forwarded in each run, and committed when it changed', async () => {
  const { project, source, warehouse, run } = await setup(
    "extract: { shop: source('shop').table('shop', { forward: true }) }, load: { shop: replace('dim_shop') }",
  )
  await source(
    "CREATE TABLE shop AS SELECT i AS id, 'shop ' || i AS name, inet '10.0.0.1' + i AS address FROM generate_series(1, 100) AS i",
  )
  expect(await project.millrace('plan', 'p', '--discover')).toMatchObject({ code: 0, stdout: expect.stringContaining('forwarded') })
  const first = await run()
  expect(first.code, first.text).toBe(0)
  expect(first.units).toEqual(['shared done'])
  const bytes = first.steps[0]?.bytes
  expect(first.steps.map(({ stage, dataset, outcome, rows, bytes, counts }) => ({ stage, dataset, outcome, rows, bytes, counts }))).toEqual(
    [
      { stage: 'extract', dataset: 'shop', outcome: 'done', rows: 100, bytes, counts: undefined },
      { stage: 'load', dataset: 'shop', outcome: 'done', rows: 100, bytes, counts: { dataset: 100, superseded: 0, removed: 0 } },
    ],
  )
  expect(await warehouse('SELECT count(*), max(address), max(_partition) FROM dim_shop')).toEqual(['100|10.0.0.101|'])
  const second = await run()
  expect(second.units).toEqual(['shared unchanged'])
  expect(second.steps.map(({ stage, outcome }) => `${stage} ${outcome}`)).toEqual(['extract done', 'load unchanged'])
  await source('DELETE FROM shop WHERE id = 1')
  expect((await run()).units).toEqual(['shared done'])
  expect(await warehouse('SELECT count(*) FROM dim_shop')).toEqual(['99'])
  await warehouse('DELETE FROM dim_shop; ALTER TABLE dim_shop ADD CHECK (id < 50)')
  const refused = await run('--force')
  expect(refused.steps.map(({ stage, outcome }) => `${stage} ${outcome}`)).toEqual(['extract done', 'load failed'])
  await source('DROP TABLE shop')
  expect((await run()).steps.map(({ stage, outcome }) => `${stage} ${outcome}`)).toEqual(['extract failed'])
  const shown = await project.millrace('show', 'p', 'shop')
  expect(shown.code).toBe(2)
  expect(shown.stderr).toContain('"shop" is forwarded: it goes into the warehouse, and does not land')
})

it('windows are forwarded once they have ended, and again with --refresh or when something else is asked', async () => {
  const { project, source, warehouse, run } = await setup(
    "partition: day({ from: '2024-01-01' }), extract: { sale: source('shop').table('sale', { window: 'sold', forward: true }) }, load: { sale: replacePartition('sale') }",
  )
  await source(
    "CREATE TABLE sale AS SELECT i AS id, '2024-01-01 00:00:00+00'::timestamptz + i * interval '1 hour' AS sold FROM generate_series(0, 95) AS i",
  )
  expect(await project.millrace('plan', 'p', '--discover')).toMatchObject({ code: 0 })
  expect((await run()).units).toEqual(['2024-01-01 done', '2024-01-02 done', '2024-01-03 done'])
  const counts = () => warehouse('SELECT _partition, count(*) FROM sale GROUP BY 1 ORDER BY 1')
  expect(await counts()).toEqual(['2024-01-01|24', '2024-01-02|24', '2024-01-03|24'])
  expect((await run()).units).toEqual([])
  expect((await project.millrace('status', 'p')).stdout).toMatch(/2024-01-03\s+done/)
  await source('DELETE FROM sale WHERE id = 3')
  expect((await run('--partition', '2024-01-01')).units).toEqual(['2024-01-01 unchanged'])
  expect((await run('--partition', '2024-01-01', '--refresh')).units).toEqual(['2024-01-01 done'])
  expect((await run('--partition', '2024-01-01', '--refresh')).units).toEqual(['2024-01-01 unchanged'])
  expect((await counts())[0]).toBe('2024-01-01|23')
  expect((await run('--partition', '2024-01-04')).units).toEqual(['2024-01-04 open'])
  expect((await run('--partition', '2024-01-04', '--only', 'land')).steps).toEqual([])
  process.env.TEST_NOW = '2024-01-05T00:00:00Z'
  try {
    expect((await run()).units).toEqual(['2024-01-04 done'])
    expect((await run()).units).toEqual([])
    const file = 'pipelines/p/pipeline.ts'
    project.write({ [file]: readFileSync(project.path(file), 'utf8').replace("window: 'sold'", "window: 'sold', where: 'id % 2 = 0'") })
    expect((await run()).units).toEqual(['2024-01-01 done', '2024-01-02 done', '2024-01-03 done', '2024-01-04 done'])
    expect(await counts()).toEqual(['2024-01-01|12', '2024-01-02|12', '2024-01-03|12', '2024-01-04|12'])
  } finally {
    delete process.env.TEST_NOW
  }
})

it('a run that is killed in the middle leaves the old rows, and the next one loads', async () => {
  const { project, source, warehouse, run } = await setup(
    "extract: { shop: source('shop').table('shop', { forward: true }) }, load: { shop: replace('shop') }",
  )
  await source('CREATE TABLE shop AS SELECT i AS id, repeat(md5(i::text), 10) AS name FROM generate_series(1, 200000) AS i')
  expect(await project.millrace('plan', 'p', '--discover')).toMatchObject({ code: 0 })
  expect((await run()).units).toEqual(['shared done'])
  await source("UPDATE shop SET name = 'new ' || name")
  const loading = "SELECT count(*) FROM pg_stat_progress_copy WHERE command = 'COPY FROM' AND tuples_processed > 20000"
  const left = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'millrace/%'"
  for (const killed of [1, 2]) {
    const child = spawn(process.execPath, [join(CHECKOUT, 'bin/millrace.js'), 'run', 'p'], { cwd: project.folder, stdio: 'ignore' })
    const ended = new Promise((resolve) => child.once('exit', (_, signal) => resolve(signal)))
    await expect.poll(() => warehouse(loading), { timeout: 20_000, interval: 5 }).not.toEqual(['0'])
    child.kill('SIGKILL')
    expect(await ended, `kill ${killed}`).toBe('SIGKILL')
    await expect.poll(() => warehouse(left), { timeout: 20_000 }).toEqual(['0'])
    expect(await warehouse("SELECT count(*), count(*) FILTER (WHERE name LIKE 'new%') FROM shop")).toEqual(['200000|0'])
  }
  expect((await run()).units).toEqual(['shared done'])
  expect(await warehouse("SELECT count(*), count(*) FILTER (WHERE name LIKE 'new%') FROM shop")).toEqual(['200000|200000'])
  await warehouse('ALTER TABLE shop ADD CHECK (id > 1) NOT VALID')
  expect((await run('--force')).steps.map(({ stage, outcome }) => `${stage} ${outcome}`)).toEqual(['load failed', 'extract stopped'])
})

it('backfill --compare says that forwarded rows cannot be compared, and what to do', async () => {
  const { project, source, run } = await setup(
    "partition: day({ from: '2024-01-01' }), extract: { sale: source('shop').table('sale', { window: 'sold', forward: true }) }, load: { sale: replacePartition('sale') }",
  )
  await source(
    "CREATE TABLE sale AS SELECT i AS id, '2024-01-01 00:00:00+00'::timestamptz + i * interval '6 hours' AS sold FROM generate_series(0, 9) AS i",
  )
  expect(await project.millrace('plan', 'p', '--discover')).toMatchObject({ code: 0 })
  expect((await run()).code).toBe(0)
  const { code, stderr } = await project.millrace('backfill', 'p', '--compare')
  expect(code, stderr).toBe(2)
  expect(stderr).toContain('nothing of "p" can be compared: its rows are not decoded here (sale)')
  expect(stderr).toContain('load it into a second table as well')
})
