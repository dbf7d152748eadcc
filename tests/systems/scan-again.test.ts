import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RunReport } from '../../lib/pipeline/report.ts'
import { millrace } from '../kit/millrace.ts'
import { type TestPostgres, testPostgres } from '../kit/postgres.ts'
import { FILES_CONFIG, type TestProject, testProject } from '../kit/project.ts'
import { onSmallDisk } from '../kit/small-disk.ts'
import { all, DAYS, landed, oneByOne, pipeline, project } from '../pipeline/scanned.ts'

// What befalls the one pass over a file or a query for many partitions, and the workers that land from it.

let server: TestPostgres
let database: string
beforeAll(async () => {
  server = await testPostgres()
  database = await server.createDatabase()
  await server.query(
    database,
    `CREATE TABLE line AS SELECT i / 3 AS id, timestamp '2024-01-06' + i * interval '3 minutes' AS sold, (i % 7)::text AS note FROM generate_series(0, 2399) AS i; ANALYZE`,
  )
}, 60_000)
afterAll(() => server.stop())

/** The configuration with a source whose reads are written down, and befallen by `fault`. */
function befallen(connection: string, fault: string, more = ''): string {
  return FILES_CONFIG.replace('import { config, duckdb, files, local }', 'import { config, duckdb, files, local, postgres }')
    .replace(
      'export default',
      `import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { TransientError } from './lib/core/errors.ts'
import { ownChildren } from './lib/observe/proc.ts'
const data = ${connection}
const landing = local('.millrace/dev/landing')
const count = () => (existsSync('reads') ? readFileSync('reads', 'utf8').split(' ').length - 1 : 0)
${more}
export default`,
    )
    .replace(
      "data: files('data')",
      `data: { ...data, openSource: (tools) => {
    const source = data.openSource(tools)
    return { ...source, read: async (read, ctx) => {
      appendFileSync('reads', (read.partition ?? 'all') + ' ')
      const relation = await source.read(read, ctx)
      ${fault}
      return relation
    } }
  } }`,
    )
}

const readsOf = (of: TestProject) => readFileSync(of.path('reads'), 'utf8').trim()

async function backfilled(of: TestProject, ...args: readonly string[]) {
  const { code, stdout, stderr } = await millrace(of, 'backfill', 'p', '--jobs', '2', '--json', ...args)
  const report = JSON.parse(stdout) as RunReport
  return { code, stderr, report, outcomes: report.partitions.map(({ partition, outcome }) => `${partition} ${outcome}`) }
}

async function attemptsOf(of: TestProject): Promise<readonly number[]> {
  const grid = JSON.parse((await millrace(of, 'status', 'p', '--grid', '--json')).stdout)
  return grid.partitions.map(({ attempts }: { attempts: number }) => attempts)
}

test('a scan that may go through later is tried as often as a partition, and then each reads for itself', {
  timeout: 240_000,
}, async () => {
  const busy = (times: number) => `if (count() <= ${times}) throw new TransientError('the disk is away')`
  const once = project()
  once.write({ 'millrace.config.ts': befallen("files('data')", busy(1)) })
  expect(await backfilled(once)).toMatchObject({ code: 0, outcomes: all('done') })
  expect(readsOf(once)).toBe('all all')
  const alone = landed(await oneByOne(project()))
  expect(landed(once)).toEqual(alone)

  const run = project()
  run.write({ 'millrace.config.ts': befallen("files('data')", busy(2)) })
  const ran = await millrace(run, 'run', 'p', '--json')
  expect([ran.code, (JSON.parse(ran.stdout) as RunReport).warnings], ran.stderr).toEqual([0, []])
  expect(readsOf(run)).toBe('all all all')
  expect(landed(run)).toEqual(alone)

  const twice = project()
  twice.write({ 'millrace.config.ts': befallen("files('data')", busy(2)) })
  const { code, report } = await backfilled(twice, '--attempts', '2')
  expect(code).toBe(0)
  expect(report.warnings).toEqual([
    'sale: one scan for 3 partitions has failed, so each reads for itself: the disk is away (tried 2 times)',
  ])
  expect(readsOf(twice).split(' ').toSorted()).toEqual([...DAYS, 'all', 'all'])
  expect(landed(twice)).toEqual(landed(once))
})

test('a scan whose reader is killed is made again', { timeout: 120_000 }, async () => {
  const killed = project()
  // Stopped first, so that it has the job when it is killed.
  const fault = `if (count() === 1) {
        const reader = ownChildren().findLast((pid) => readFileSync('/proc/' + pid + '/cmdline', 'latin1').includes('reader-child'))
        process.kill(reader, 'SIGSTOP')
        setTimeout(() => process.kill(reader, 'SIGKILL'), 500)
      }`
  killed.write({ 'millrace.config.ts': befallen("files('data')", fault) })
  const { code, outcomes, report } = await backfilled(killed)
  expect({ code, outcomes, warnings: report.warnings }).toEqual({ code: 0, outcomes: all('done'), warnings: [] })
  expect(readsOf(killed)).toBe('all all')
  expect(landed(killed)).toEqual(landed(await oneByOne(project())))
})

const queried = (fault: string, more = '', where = '') => {
  const files = pipeline()
  return testProject({
    ...files,
    'pipelines/p/pipeline.ts': files['pipelines/p/pipeline.ts'].replace(
      "files('sales.csv', ",
      `query('SELECT id, max(sold) AS sold, max(note) AS note FROM line${where} GROUP BY id', `,
    ),
    'millrace.config.ts': befallen(
      `postgres({ host: '127.0.0.1', port: ${server.port}, database: '${database}', user: 'postgres', password: '${server.password}', extension: false })`,
      fault,
      `const cut = async () => {
  const session = new pg.Client({ host: '127.0.0.1', port: ${server.port}, database: '${database}', user: 'postgres', password: '${server.password}' })
  await session.connect()
  const { rowCount } = await session.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
  writeFileSync('cut', String(rowCount))
  await session.end()
}
${more}`,
    ),
  })
}

test('a scan whose session is ended by the server goes on with another one', { timeout: 120_000 }, async () => {
  const lost = queried('if (count() === 1) setTimeout(cut, 500)', '', ' WHERE (SELECT pg_sleep(2)) IS NOT NULL')
  const { code, outcomes, report } = await backfilled(lost)
  expect({ code, outcomes, warnings: report.warnings }).toEqual({ code: 0, outcomes: all('done'), warnings: [] })
  expect(Number(readFileSync(lost.path('cut'), 'utf8'))).toBeGreaterThan(0)
  expect(readsOf(lost)).toBe('all')
  expect(await lost.warehouse('SELECT count(*), count(DISTINCT id) FROM sale')).toEqual([['480', '480']])
})

test('a worker that is killed while it lands from a scanned query costs that partition one attempt, and nothing else', {
  timeout: 120_000,
}, async () => {
  const die = `const openStore = () => {
  const store = landing.openStore()
  return { ...store, put: (key, ...rest) => {
    if (key.endsWith('2024-01-08/_manifests/000001.json') && !existsSync('died')) {
      writeFileSync('died', '')
      process.kill(process.pid, 'SIGKILL')
    }
    return store.put(key, ...rest)
  } }
}`
  const dying = queried('', die)
  dying.write({
    'millrace.config.ts': readFileSync(dying.path('millrace.config.ts'), 'utf8').replace(
      "landing: local('.millrace/dev/landing')",
      'landing: { ...landing, openStore }',
    ),
  })
  const { code, outcomes } = await backfilled(dying)
  expect({ code, outcomes }).toEqual({ code: 0, outcomes: all('done') })
  expect(existsSync(dying.path('died'))).toBe(true)
  expect((await attemptsOf(dying)).slice(0, 3)).toEqual([1, 2, 1])
  expect(readsOf(dying)).toBe('all')
  expect(await dying.warehouse('SELECT _partition, count(*) FROM sale GROUP BY ALL ORDER BY ALL')).toEqual(DAYS.map((day) => [day, '160']))
})

// One at a time: beside the one that fills the disk another one would not fit either.
test('a scan that fills the disk leaves what fits done; with room only what is left is done', { timeout: 240_000 }, async () => {
  const noise = (n: number) => Array.from({ length: 40 }, (_, i) => (Math.imul(n * 40 + i + 1, 2_654_435_761) >>> 0).toString(36)).join('')
  const file = (of: TestProject) => {
    const rows = DAYS.flatMap((day, d) =>
      Array.from({ length: d === 1 ? 30_000 : 100 }, (_, i) => `${d * 100_000 + i},${day} 01:00:00,${noise(d * 100_000 + i)}`),
    )
    appendFileSync(of.path('data/sales.csv'), `${rows.join('\n')}\n`)
  }
  const full = project()
  file(full)
  const { full: stopped, roomy } = await onSmallDisk(full, { folder: '', size: '4m' }, 'backfill', 'p', '--jobs', '1', '--keep-going')
  expect(stopped.code).toBe(1)
  expect(stopped.stdout).toContain('partitions: 2 done, 1 failed')
  expect(stopped.stdout).toContain('sale: one scan for 3 partitions has failed, so each reads for itself: ')
  expect(stopped.error).toMatch(/2024-01-08: .*: the disk is full: /)
  expect(roomy.code, roomy.error).toBe(0)
  expect(roomy.stdout).toContain('partitions: 1 done')
  const alone = project()
  file(alone)
  expect(landed(full)).toEqual(landed(await oneByOne(alone)))
})
