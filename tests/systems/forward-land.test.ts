import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { zstdDecompressSync } from 'node:zlib'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { startGcsServer } from '../kit/gcs-server.ts'
import { type TestPostgres, testPostgres } from '../kit/postgres.ts'
import { CHECKOUT, type TestProject, testProject } from '../kit/project.ts'

let server: TestPostgres
beforeAll(async () => {
  server = await testPostgres()
})
afterAll(() => server.stop())

interface Run {
  readonly code: number | null
  readonly units: readonly string[]
  /** `stage outcome`. */
  readonly steps: readonly string[]
  readonly text: string
}

interface Setup {
  readonly project: TestProject
  source(sql: string): Promise<unknown>
  warehouse(sql: string): Promise<readonly string[]>
  run(...args: readonly string[]): Promise<Run>
  /** Makes source and warehouse unreachable, or reachable again. */
  reach(which: { readonly source?: boolean; readonly warehouse?: boolean }): void
  /** Text in the pipeline's file is replaced. */
  edit(from: string, to: string): void
}

/** A project that forwards from one database of the server into another by way of a landing zone. */
async function setup(body: string, landing = "local('.millrace/dev/landing')"): Promise<Setup> {
  const [from, to] = [await server.createDatabase(), await server.createDatabase()]
  const { host, port, user } = server
  const at = (database: string, reachable: boolean) =>
    `postgres({ host: '${host}', port: ${reachable ? port : 1}, database: '${database}', user: '${user}', password: secret('file:password'), retries: 0 })`
  const config = (source: boolean, warehouse: boolean) => `import { config, gcs, local, postgres, secret } from '#millrace'
export default config({ profiles: { dev: {
  connections: { shop: ${at(from, source)} }, warehouse: ${at(to, warehouse)},
  landing: ${landing}, store: local('.millrace/dev/export'), limits: { memory: '512MB', threads: 2 },
  get now() { return process.env.TEST_NOW ?? '2024-01-03T12:00:00Z' },
} } })
`
  const file = 'pipelines/p/pipeline.ts'
  const project = testProject({
    password: server.password,
    'millrace.config.ts': config(true, true),
    [file]: `import { day, pipeline, replace, replacePartition, source } from '#millrace'
import { schema } from './schema.ts'
export default pipeline({ name: 'p', schema, ${body} })
`,
  })
  return {
    project,
    source: (sql) => server.query(from, sql),
    warehouse: async (sql) => (await server.query(to, sql)).map((row) => row.join('|')),
    reach: ({ source = true, warehouse = true }) => project.write({ 'millrace.config.ts': config(source, warehouse) }),
    edit: (before, after) => project.write({ [file]: readFileSync(project.path(file), 'utf8').replace(before, after) }),
    run: async (...args) => {
      const { code, stdout, stderr } = await project.millrace('run', 'p', '--json', ...args)
      if (!stdout.includes('"partitions"')) throw new Error(stderr + stdout)
      const report = JSON.parse(stdout) as {
        partitions: { partition: string; outcome: string; steps: { stage: string; outcome: string }[] }[]
      }
      return {
        code,
        units: report.partitions.map(({ partition, outcome }) => `${partition || 'shared'} ${outcome}`),
        steps: report.partitions.flatMap(({ steps }) => steps.map(({ stage, outcome }) => `${stage} ${outcome}`)),
        text: stderr + stdout,
      }
    },
  }
}

const SHOP = "extract: { shop: source('shop').table('shop', { forward: 'land' }) }, load: { shop: replace('dim_shop') }"
const MAKE_SHOP =
  "CREATE TABLE shop AS SELECT i AS id, 'shop ' || i AS name, inet '10.0.0.1' + i AS address, (i * 1.10)::numeric AS sum FROM generate_series(1, 100) AS i"

const hashed = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

/** The landed manifests of a dataset's partition, oldest first. */
function manifestsOf(project: TestProject, dataset: string, partition = '_all') {
  const folder = project.path('.millrace/dev/landing/p', dataset, partition, '_manifests')
  return readdirSync(folder)
    .sort()
    .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')))
}

it('a whole table lands, can be shown, and is loaded as often as it takes without the source', { timeout: 120_000 }, async () => {
  const { project, source, warehouse, run, reach } = await setup(SHOP)
  await source(MAKE_SHOP)
  expect(await project.millrace('plan', 'p', '--discover')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('lands undecoded, forwarded'),
  })
  expect((await project.millrace('status', 'p')).stdout).toMatch(/due/)

  const landed = await run('--only', 'land')
  expect(landed, landed.text).toMatchObject({ code: 0, steps: ['extract done', 'land done'] })
  expect(await warehouse("SELECT count(*) FROM pg_tables WHERE tablename = 'dim_shop'")).toEqual(['0'])
  const [manifest] = manifestsOf(project, 'shop')
  expect(manifest).toMatchObject({
    ...{ pipeline: 'p', dataset: 'shop', partition: '_all', id: 1, rows: 100, open: false },
    columns: { id: 'int32', name: 'text', address: 'text', sum: 'text' },
    undecoded: {
      ...{ format: 'postgres-copy-binary', compression: 'zstd', facts: {} },
      columns: [
        { name: 'id', type: 'integer' },
        { name: 'name', type: 'text' },
        { name: 'address', type: 'inet' },
        { name: 'sum', type: 'numeric' },
      ],
    },
    files: [{ key: expect.stringMatching(/^p\/shop\/_all\/000001-[0-9a-f]{12}\.postgres-copy-binary\.zst$/), rows: 100 }],
  })

  const file = readFileSync(project.path('.millrace/dev/landing', manifest.files[0].key))
  const unpacked = zstdDecompressSync(file)
  expect(unpacked.subarray(0, 11).toString('latin1')).toBe('PGCOPY\n\xff\r\n\0')
  expect([unpacked.length, hashed(unpacked)]).toEqual([manifest.undecoded.bytes, manifest.undecoded.sha256])
  expect([file.length, hashed(file)]).toEqual([manifest.files[0].bytes, manifest.files[0].sha256])

  const shown = await project.millrace('show', 'p', 'shop')
  expect(shown, shown.stderr).toMatchObject({ code: 0 })
  expect(shown.stdout).toMatch(/^p shop: 100 rows, 1 file, /)
  expect(shown.stdout).toMatch(/address +text +inet/)
  expect(shown.stdout).toMatch(
    /landed undecoded, as postgres-copy-binary, .* nothing reads it but the load into its table in the warehouse, dim_shop/,
  )

  reach({ source: false })
  expect(await run('--only', 'load')).toMatchObject({ code: 0, units: ['shared done'], steps: ['load done'] })
  expect(await warehouse('SELECT count(*), max(address), sum(sum), min(_partition), min(_load), max(_load) FROM dim_shop')).toEqual([
    '100|10.0.0.101|5555.00||1|1',
  ])
  expect(await run('--only', 'load')).toMatchObject({ units: ['shared unchanged'], steps: ['load unchanged'] })
  await warehouse('DROP TABLE dim_shop')
  expect(await run('--only', 'load', '--force')).toMatchObject({ code: 0 })
  expect(await warehouse('SELECT count(*) FROM dim_shop')).toEqual(['100'])
})

it('a second run commits nothing for the same bytes; what a later load has replaced is pruned', { timeout: 120_000 }, async () => {
  const { project, source, warehouse, run } = await setup(SHOP)
  await source(MAKE_SHOP)
  expect(await project.millrace('plan', 'p', '--discover')).toMatchObject({ code: 0 })
  expect(await run()).toMatchObject({ units: ['shared done'], steps: ['extract done', 'land done', 'load done'] })
  expect(await run()).toMatchObject({ units: ['shared unchanged'], steps: ['extract done', 'land unchanged', 'load unchanged'] })
  const shared = async () => JSON.parse((await project.millrace('status', 'p', '--json')).stdout).pipelines[0].shared.state
  expect(await shared()).toBe('done')
  await source('DELETE FROM shop WHERE id = 1')
  expect(await run('--only', 'land')).toMatchObject({ steps: ['extract done', 'land done'] })
  expect(await shared()).toBe('due')
  expect(await run()).toMatchObject({ units: ['shared done'], steps: ['extract done', 'land unchanged', 'load done'] })
  expect(await shared()).toBe('done')
  expect(await warehouse('SELECT count(*), min(_load), max(_load) FROM dim_shop')).toEqual(['99|2|2'])
  expect(manifestsOf(project, 'shop').map(({ id, rows }) => `${id} ${rows}`)).toEqual(['1 100', '2 99'])

  await source('DELETE FROM shop WHERE id = 2')
  expect((await run()).code).toBe(0)
  // The last run's manifests are kept with the current one.
  const pruned = await project.millrace('prune', 'p', '--json')
  expect(pruned.code).toBe(0)
  expect(manifestsOf(project, 'shop').map(({ id }) => id)).toEqual([3])
  expect((await project.millrace('ledger', 'rebuild')).code).toBe(0)
  expect(await run()).toMatchObject({ units: ['shared unchanged'] })
})

it('a load that fails keeps what has landed, and the next run loads it; a damaged file is landed anew', { timeout: 120_000 }, async () => {
  const { project, source, warehouse, run, reach } = await setup(SHOP)
  await source(MAKE_SHOP)
  expect(await project.millrace('plan', 'p', '--discover')).toMatchObject({ code: 0 })
  expect(await run()).toMatchObject({ code: 0 })
  await source('DELETE FROM shop WHERE id > 60')
  await warehouse('ALTER TABLE dim_shop ADD CHECK (id > 50) NOT VALID')
  const refused = await run()
  expect(refused, refused.text).toMatchObject({ code: 3, steps: ['extract done', 'land done', 'load failed'] })
  expect(await warehouse('SELECT count(*) FROM dim_shop')).toEqual(['100'])
  await warehouse('ALTER TABLE dim_shop DROP CONSTRAINT dim_shop_id_check')
  expect(await run()).toMatchObject({ code: 0, steps: ['extract done', 'land unchanged', 'load done'] })
  expect(await warehouse('SELECT count(*) FROM dim_shop')).toEqual(['60'])

  await source('DELETE FROM shop WHERE id > 40')
  expect(await run('--only', 'land')).toMatchObject({ code: 0 })
  reach({ source: false, warehouse: false })
  expect((await project.millrace('run', 'p', '--only', 'load')).code).toBe(75)
  reach({ source: false })
  expect(await run('--only', 'load')).toMatchObject({ code: 0, steps: ['load done'] })
  expect(await warehouse('SELECT count(*) FROM dim_shop')).toEqual(['40'])

  const [{ key }] = manifestsOf(project, 'shop').at(-1).files
  const path = project.path('.millrace/dev/landing', key)
  const bytes = readFileSync(path)
  writeFileSync(path, Object.assign(Buffer.from(bytes), { 100: (bytes[100] ?? 0) ^ 255 }))
  reach({ source: false })
  const damaged = await run('--only', 'load', '--force')
  expect(damaged.code).toBe(3)
  expect(damaged.text).toContain(`the landed file ${key}`)
  expect(damaged.text).toContain('read the source again: millrace run p --refresh')
  expect(await warehouse('SELECT count(*) FROM dim_shop')).toEqual(['40'])
  reach({})
  const anew = await run('--refresh')
  expect(anew).toMatchObject({ code: 0, steps: ['extract done', 'land done', 'load unchanged'] })
  expect(anew.text).toContain('landed anew')
  expect(await run('--only', 'load', '--force')).toMatchObject({ code: 0 })
})

const SALE =
  "partition: day({ from: '2024-01-01' }), extract: { sale: source('shop').table('sale', { window: 'sold', forward: 'land' }) }, load: { sale: replacePartition('sale') }"
const MAKE_SALE =
  "CREATE TABLE sale AS SELECT i AS id, '2024-01-01 00:00:00+00'::timestamptz + i * interval '1 hour' AS sold FROM generate_series(0, 95) AS i"
const countsOf = 'SELECT _partition, count(*), min(id), max(id), max(_load) FROM sale GROUP BY 1 ORDER BY 1'

it('windows land once they have ended, and are loaded into each table without the source', { timeout: 120_000 }, async () => {
  const { project, source, warehouse, run, reach } = await setup(
    SALE.replace("replacePartition('sale')", "[replacePartition('sale'), replacePartition('copy')]"),
  )
  await source(MAKE_SALE)
  expect(await project.millrace('plan', 'p', '--discover')).toMatchObject({ code: 0 })
  expect((await project.millrace('show', 'p', 'sale')).stderr).toContain('nothing of "sale" has landed yet')
  const none = await run('--only', 'load', '--partition', '2024-01-01')
  expect(none.code).toBe(2)
  expect(none.text).toContain('\\"sale\\" has not landed for 2024-01-01')
  expect(none.text).toContain('land it first: millrace run p --partition 2024-01-01')

  expect(await run('--only', 'land')).toMatchObject({ units: ['2024-01-01 done', '2024-01-02 done'] })
  expect((await project.millrace('status', 'p')).stdout).toMatch(/2024-01-02\s+due/)
  await source('UPDATE sale SET id = -id')
  reach({ source: false })
  const loaded = await run()
  expect(loaded, loaded.text).toMatchObject({ code: 0, units: ['2024-01-01 done', '2024-01-02 done'] })
  expect(loaded.steps.slice(0, 3)).toEqual(['land unchanged', 'load done', 'load done'])
  const counts = (table: string) =>
    warehouse(`SELECT _partition, count(*), min(id), max(id), max(_load) FROM ${table} GROUP BY 1 ORDER BY 1`)
  expect(await counts('sale')).toEqual(['2024-01-01|24|0|23|1', '2024-01-02|24|24|47|1'])
  expect(await counts('copy')).toEqual(await counts('sale'))
  expect((await run()).units).toEqual([])
  expect((await project.millrace('status', 'p')).stdout).toMatch(/2024-01-02\s+done/)

  reach({})
  expect((await run('--refresh', '--partition', '2024-01-01')).units).toEqual(['2024-01-01 done'])
  expect((await counts('sale'))[0]).toBe('2024-01-01|24|-23|0|2')
  expect((await run('--refresh', '--partition', '2024-01-01')).units).toEqual(['2024-01-01 unchanged'])
  expect((await run('--partition', '2024-01-03')).units).toEqual(['2024-01-03 open'])
  expect((await project.millrace('show', 'p', 'sale', '--partition', '2024-01-03')).stdout).toMatch(/^p sale 2024-01-03: 24 rows, /)
  process.env.TEST_NOW = '2024-01-04T00:00:00Z'
  try {
    const ended = await run()
    expect(ended).toMatchObject({
      units: ['2024-01-03 unchanged'],
      steps: ['extract done', 'land unchanged', 'load unchanged', 'load unchanged'],
    })
    expect((await run()).units).toEqual([])
    expect((await project.millrace('ledger', 'rebuild')).code).toBe(0)
    expect((await project.millrace('status', 'p')).stdout).toMatch(/2024-01-03\s+done/)
  } finally {
    delete process.env.TEST_NOW
  }
})

it('windows land again when something else is asked, and are loaded again when they were forwarded without landing', {
  timeout: 120_000,
}, async () => {
  const { project, source, warehouse, run, edit } = await setup(SALE)
  await source(MAKE_SALE)
  expect(await project.millrace('plan', 'p', '--discover')).toMatchObject({ code: 0 })
  expect((await run()).units).toEqual(['2024-01-01 done', '2024-01-02 done'])
  const rows = async () => (await warehouse(countsOf)).map((line) => line.split('|')[1])
  edit("window: 'sold'", "window: 'sold', where: 'id % 2 = 0'")
  expect((await run()).units).toEqual(['2024-01-01 done', '2024-01-02 done'])
  expect(await rows()).toEqual(['12', '12'])
  edit("forward: 'land'", 'forward: true')
  expect((await run()).units).toEqual(['2024-01-01 done', '2024-01-02 done'])
  edit('forward: true', "forward: 'land'")
  edit("% 2 = 0'", "% 2 = 0 AND true'")
  await source('DELETE FROM sale WHERE id = 2')
  expect((await run('--only', 'land')).units).toEqual(['2024-01-01 done', '2024-01-02 done'])
  expect((await project.millrace('status', 'p')).stdout).toMatch(/2024-01-01\s+due/)
  expect((await run()).units).toEqual(['2024-01-01 done', '2024-01-02 done'])
  expect(await rows()).toEqual(['11', '12'])
})

it('a run that is killed while it lands or loads leaves nothing by halves, and the next one is what an unkilled run is', {
  timeout: 120_000,
}, async () => {
  const { project, source, warehouse, run } = await setup(SHOP)
  await source('CREATE TABLE shop AS SELECT i AS id, repeat(md5(i::text), 10) AS name FROM generate_series(1, 300000) AS i')
  expect(await project.millrace('plan', 'p', '--discover')).toMatchObject({ code: 0 })
  const progress = (direction: string) =>
    `SELECT count(*) FROM pg_stat_progress_copy WHERE command = 'COPY ${direction}' AND tuples_processed > 20000`
  const left = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'millrace/%'"
  const killedWhile = async (direction: 'TO' | 'FROM') => {
    const child = spawn(process.execPath, [join(CHECKOUT, 'bin/millrace.js'), 'run', 'p'], { cwd: project.folder, stdio: 'ignore' })
    const ended = new Promise((resolve) => child.once('exit', (_, signal) => resolve(signal)))
    await expect.poll(() => warehouse(progress(direction)), { timeout: 30_000, interval: 5 }).not.toEqual(['0'])
    child.kill('SIGKILL')
    expect(await ended, direction).toBe('SIGKILL')
    await expect.poll(() => warehouse(left), { timeout: 20_000 }).toEqual(['0'])
  }
  await killedWhile('TO')
  expect(() => manifestsOf(project, 'shop')).toThrow('ENOENT')
  await killedWhile('FROM')
  expect(manifestsOf(project, 'shop').map(({ id, rows }) => `${id} ${rows}`)).toEqual(['1 300000'])
  expect(await warehouse("SELECT count(*) FROM pg_tables WHERE tablename = 'dim_shop'")).toEqual(['0'])
  expect(await run()).toMatchObject({ code: 0, steps: ['extract done', 'land unchanged', 'load done'] })
  expect(await warehouse('SELECT count(*), count(DISTINCT name), max(_load) FROM dim_shop')).toEqual(['300000|300000|1'])
  const files = readdirSync(project.path('.millrace/dev/landing/p/shop/_all'))
  expect(files.filter((name) => name.endsWith('.zst'))).toHaveLength(1)
})

it('lands in a bucket, and is loaded from there', async () => {
  const gcs = await startGcsServer()
  onTestFinished(() => gcs.close())
  const bucket = `gcs({ bucket: 'bucket', prefix: 'landing', apiEndpoint: '${gcs.url}', retries: 1 })`
  const { project, source, warehouse, run, reach } = await setup(SHOP, bucket)
  await source(MAKE_SHOP)
  expect(await project.millrace('plan', 'p', '--discover')).toMatchObject({ code: 0 })
  const first = await run()
  expect(first, first.text).toMatchObject({ code: 0, steps: ['extract done', 'land done', 'load done'] })
  expect(gcs.names().sort()).toEqual([
    expect.stringMatching(/^landing\/p\/shop\/_all\/000001-[0-9a-f]{12}\.postgres-copy-binary\.zst$/),
    'landing/p/shop/_all/_manifests/000001.json',
  ])
  reach({ source: false })
  expect(await run('--only', 'load', '--force')).toMatchObject({ code: 0 })
  expect(await warehouse('SELECT count(*), sum(sum) FROM dim_shop')).toEqual(['100|5555.00'])
})

it('nothing else reads what has landed so: an experiment is told where its rows are', async () => {
  const { project, source, run } = await setup(SHOP)
  await source(MAKE_SHOP)
  project.write({
    'experiments/look.exp.ts': `import { experiment, landed, sql } from '#millrace'
export default experiment({ inputs: { shop: landed('p', 'shop') }, cells: { counted: sql\`SELECT count(*) AS n FROM shop\` } })
`,
  })
  expect(await project.millrace('plan', 'p', '--discover')).toMatchObject({ code: 0 })
  expect(await run()).toMatchObject({ code: 0 })
  const looked = await project.millrace('exp', 'run', 'look')
  expect(looked.code, looked.stdout + looked.stderr).toBe(2)
  expect(looked.stderr).toContain('"shop" has landed undecoded, as postgres-copy-binary: nothing reads it but the load into its table')
})

it('a source whose column has another type is loaded anew by what the error says', { timeout: 120_000 }, async () => {
  const { project, source, warehouse, run } = await setup(
    "partition: day({ from: '2024-01-01' }), extract: { pay: source('shop').table('pay', { window: 'at', forward: 'land' }) }, load: { pay: replacePartition('pay') }",
  )
  await source(
    "CREATE TABLE pay (at timestamp, v varchar(5)); INSERT INTO pay VALUES ('2024-01-01T12:00:00', 'a'), ('2024-01-02T12:00:00', 'b')",
  )
  expect(await project.millrace('plan', 'p', '--discover')).toMatchObject({ code: 0 })
  expect((await run('--partition', '2024-01-01')).code).toBe(0)
  await source('ALTER TABLE pay ALTER v TYPE text')
  const refused = await run()
  expect(refused.code).toBe(2)
  expect(refused.text).toContain('column \\"v\\" is character varying(5) there and text in the dataset')
  expect(refused.text).toContain('or drop the old one and run again with --refresh: all that it held is loaded anew')
  await warehouse('DROP TABLE pay')
  // What has landed has the old type.
  expect((await run()).code).toBe(2)
  await warehouse('DROP TABLE pay')
  const again = await run('--refresh')
  expect(again, again.text).toMatchObject({ code: 0, units: ['2024-01-01 done', '2024-01-02 done'] })
  expect(await warehouse('SELECT v, pg_typeof(v) FROM pay ORDER BY v')).toEqual(['a|text', 'b|text'])
})
