import { readdirSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RunReport } from '../../lib/pipeline/report.ts'
import { type TestPostgres, testPostgres } from '../kit/postgres.ts'
import { FILES_CONFIG, makeProject, type TestProject } from '../kit/project.ts'
import { chanceOf } from '../torture/chance.ts'
import { type RunOptions, startRun } from '../torture/child.ts'
import { contentOf, differences, heldLocks, leftovers, tornParts } from '../torture/content.ts'
import { type Known, makeReference, type Reference, rewind } from '../torture/reference.ts'

// Backfills whose processes are killed, that run beside each other, that are told to stop: at the end everything equals what one uninterrupted `run` makes.

const DAYS = 5
const ARGS = ['backfill', 'sales', '--jobs', '2', '--from', '2024-01-01', '--to', '2024-01-06', '--keep-going']
const SEED = 7

let reference: Reference
let known: Known
beforeAll(async () => {
  reference = await makeReference({ days: DAYS, salesPerDay: 400, customers: 100, shops: 6 })
  const [first] = reference.known
  if (!first) throw new RangeError('the script has no step')
  known = first
}, 120_000)
afterAll(() => reference[Symbol.dispose]())

const start = (options: RunOptions = {}) => startRun(reference.project, known.step, { args: ARGS, ...options })
const content = () => contentOf(reference.project.state)

/** Runs to the end, and holds what is there against what a run makes. */
async function finished(): Promise<void> {
  const { code, stdout, stderr } = await start().ended
  expect(code, stderr + stdout).toBe(0)
  expect(differences(await content(), known.after)).toEqual([])
  expect([...leftovers(reference.project.state), ...heldLocks(reference.project.state)]).toEqual([])
}

/** Processes below one that run a file of this name. */
function below(pid: number | undefined, name: string): number[] {
  const children = (of: number): number[] => {
    try {
      return readdirSync(`/proc/${of}/task`).flatMap((thread) =>
        readFileSync(`/proc/${of}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
      )
    } catch {
      return []
    }
  }
  const all = (of: number): number[] => children(of).flatMap((child) => [child, ...all(child)])
  return all(pid ?? 0).filter((each) => {
    try {
      return readFileSync(`/proc/${each}/cmdline`, 'utf8').includes(name)
    } catch {
      return false
    }
  })
}

test('backfill makes what run makes', { timeout: 900_000 }, async () => {
  rewind(reference, known)
  await finished()
})

test('workers that are killed at any moment cost attempts, and nothing else', { timeout: 900_000 }, async () => {
  let kills = 0
  for (let trial = 1; trial <= 2; trial++) {
    rewind(reference, known)
    const chance = chanceOf(SEED, `workers ${trial}`)
    const running = start({ args: [...ARGS, '--attempts', '9'] })
    const stop = new AbortController()
    void running.ended.then(() => stop.abort())
    while (!stop.signal.aborted) {
      await new Promise((done) => setTimeout(done, 100 + chance.below(500)))
      const workers = below(running.process.pid, 'worker-child')
      if (workers.length === 0 || chance.below(3) === 0) continue
      process.kill(chance.pick(workers), 'SIGKILL')
      // A worker is killed by a person eight times at most: the storm passes.
      if (++kills % 6 === 0) break
    }
    const { code, stdout, stderr } = await running.ended
    expect(code, stderr + stdout).toBe(0)
    expect(differences(await content(), known.after)).toEqual([])
  }
  expect(kills).toBeGreaterThan(4)
})

test('a parent that is killed takes its workers with it; the same command goes on', { timeout: 900_000 }, async () => {
  for (let trial = 1; trial <= 2; trial++) {
    rewind(reference, known)
    const chance = chanceOf(SEED, `parent ${trial}`)
    for (let strike = 0; strike < 2; strike++) {
      const stage = chance.pick(['land', 'load', 'export', 'transform'])
      const ended = await start({ kill: { stage, nth: 1 + chance.below(DAYS), delayMs: chance.below(60) } }).ended
      expect(ended.orphanMs, 'a worker has outlived its parent').toBeDefined()
      expect(tornParts(await content(), known.before, known.after)).toEqual([])
    }
    await finished()
  }
})

test('two backfills of the same partitions at once both end well', { timeout: 900_000 }, async () => {
  rewind(reference, known)
  const both = await Promise.all([start({ shares: true }).ended, start({ shares: true, args: [...ARGS, '--newest-first'] }).ended])
  // Of the delivery of all days one switch wins; who comes second finds it done the next time.
  for (const { code, stdout, stderr } of both) {
    if (code === 0) continue
    expect(code, stderr + stdout).toBe(1)
    expect(stdout).toMatch(/failed delivery book: .*another delivery/)
  }
  expect(both.map(({ code }) => code)).toContain(0)
  await finished()
})

test('Ctrl-C lets what runs end, twice stops it; both go on', { timeout: 900_000 }, async () => {
  for (const signals of [['SIGINT'], ['SIGTERM'], ['SIGINT', 'SIGINT']] as const) {
    rewind(reference, known)
    const running = start({ args: [...ARGS, '--json'], group: true })
    await running.event(({ stage, partition }) => stage === 'transform' && partition !== undefined)
    for (const signal of signals) running.signal(signal)
    const ended = await running.ended
    expect(ended.code, ended.stderr).toBe(130)
    const report: RunReport = JSON.parse(ended.stdout)
    const outcomes = report.partitions.map(({ outcome }) => outcome)
    expect(report.outcome).toBe('interrupted')
    expect(outcomes).toContain('notRun')
    if (signals.length === 1) expect(outcomes).not.toContain('stopped')
    expect(ended.orphanMs).toBeDefined()
    await finished()
  }
})

let server: TestPostgres | undefined
afterAll(() => server?.stop())

const POSTGRES_CONFIG = (port: number, password: string, database: string) =>
  FILES_CONFIG.replace('duckdb, files, local', 'duckdb, files, local, postgres').replace(
    "data: files('data')",
    `data: files('data'), shop: postgres({ host: '127.0.0.1', port: ${port}, database: '${database}', user: 'postgres', password: '${password}', maxConnections: 3, extension: false })`,
  )

/** Sales of eight days in a PostgreSQL that may be asked by three sessions at once. */
async function postgresProject(of: TestPostgres): Promise<TestProject> {
  const database = await of.createDatabase()
  await of.query(
    database,
    `CREATE TABLE sale AS SELECT i AS id, timestamp '2024-01-01' + i * interval '10 minutes' AS sold, (i % 7)::numeric(9,2) AS amount FROM generate_series(0, 1151) AS i;
     CREATE TABLE shop AS SELECT i AS id, 'shop ' || i AS name FROM generate_series(1, 5) AS i`,
  )
  return makeProject({
    'millrace.config.ts': POSTGRES_CONFIG(of.port, of.password, database),
    'pipelines/sales/schema.ts': `export const schema = { sale: { id: 'int32', sold: 'timestamp', amount: 'decimal(9,2)' }, refund: { id: 'int32', sold: 'timestamp', amount: 'decimal(9,2)' }, shop: { id: 'int32', name: 'text' } } as const\n`,
    'pipelines/sales/pipeline.ts': `import { day, pipeline, replace, replacePartition, source } from '#millrace'
import { schema } from './schema.ts'
export default pipeline({
  name: 'sales', schema, partition: day({ from: '2024-01-01', to: '2024-01-09' }),
  extract: {
    sale: source('shop').table('sale', { window: 'sold' }),
    refund: source('shop').query('SELECT id, sold, amount FROM sale WHERE amount > 5 AND pg_sleep(0.005) IS NOT NULL', { window: 'sold' }),
    shop: source('shop').table('shop'),
  },
  load: { sale: replacePartition('sale'), refund: replacePartition('refund'), shop: replace('shop') },
})`,
  })
}

test('the connections that a source allows are those of all workers together', { timeout: 900_000 }, async () => {
  server = await testPostgres()
  const project = await postgresProject(server)
  try {
    let most = 0
    const looking = new AbortController()
    const watcher = await server.client('postgres')
    const watch = (async () => {
      while (!looking.signal.aborted) {
        const { rows } = await watcher.query("SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name LIKE 'millrace/%'")
        most = Math.max(most, rows[0]?.n ?? 0)
        await new Promise((done) => setTimeout(done, 5))
      }
    })()
    // More workers than sessions: each needs one that holds its snapshot.
    const { code, stdout, stderr } = await project.millrace('backfill', 'sales', '--jobs', '5', '--memory', '2.4GB')
    looking.abort()
    await watch
    await watcher.end()
    expect(code, stderr + stdout).toBe(0)
    expect(most).toBeGreaterThan(0)
    expect(most).toBeLessThanOrEqual(3)
    expect(
      await project.warehouse('SELECT (SELECT count(*) FROM sale), (SELECT count(*) FROM refund), (SELECT count(*) FROM shop)'),
    ).toEqual([['1152', '164', '5']])
  } finally {
    project.remove()
  }
})
