import { rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { startPostgres } from '../fixtures/postgres-server.ts'
import { answerProxy } from '../tests/kit/answer-proxy.ts'
import { databaseProxy } from '../tests/kit/database-proxy.ts'
import { type Commanded, command } from './faults/command.ts'
import { type Fault, faultsAt } from './faults/faults.ts'
import { ask } from './faults/sessions.ts'
import { table } from './postgres-report.ts'

// `node bench/faults.ts`: what a run does under each fault of PostgreSQL, as a user sees it: seconds from the fault until the command ends, its exit code, its first words; then the same command again, without the fault.
// Options: --rows 200000 --only <part of a name>.

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '200000' },
    only: { type: 'string', default: '' },
    folder: { type: 'string', default: resolve(import.meta.dirname, '../.millrace/bench') },
  },
})
const rows = Number(values.rows)
const work = join(resolve(values.folder), 'faults-work')
const server = await startPostgres({ settings: ['max_connections=30', 'max_wal_size=4GB'] })
const source = await answerProxy(server)
const warehouse = await databaseProxy(server)

/** What one fault has come to. */
interface Outcome {
  readonly name: string
  readonly seen: Commanded
  /** From the fault, else from the begin, until the command has ended, and until the server has no session of it. */
  readonly seconds: number
  readonly serverSeconds: number
  readonly again: Commanded
}

const env = (fault: Partial<Fault>): NodeJS.ProcessEnv => ({
  BENCH_WORK: work,
  BENCH_PASSWORD: server.password,
  BENCH_SOURCE: JSON.stringify({ port: server.port, ...fault.source }),
  BENCH_WAREHOUSE: JSON.stringify({ port: server.port, ...fault.warehouse }),
})

async function tried(fault: Fault): Promise<Outcome> {
  rmSync(work, { recursive: true, force: true })
  await ask(server, 'mart', 'DROP TABLE IF EXISTS rows, _millrace_tokens')
  const end = await fault.before?.()
  const run = command(env(fault))
  let at = performance.now()
  if (fault.during) {
    await fault.during(run)
    at = performance.now()
  }
  const seen = await run.seen
  const seconds = (seen.endedAt - at) / 1000
  await end?.()
  const sessions = "SELECT FROM pg_stat_activity WHERE datname IN ('shop', 'mart') AND pid <> pg_backend_pid()"
  while ((await ask(server, 'postgres', sessions)).length > 0) await new Promise((done) => setTimeout(done, 20))
  const serverSeconds = (performance.now() - at) / 1000
  const again = await command(env({})).seen
  const [[count]] = (await ask(server, 'mart', 'SELECT count(*) FROM rows')) as [[string]]
  if (again.code !== 0 || Number(count) !== rows)
    throw new Error(`after "${fault.name}" the command ended with ${again.code} and ${count} rows: ${again.words}`)
  return { name: fault.name, seen, seconds, serverSeconds, again }
}

try {
  await ask(server, 'postgres', 'CREATE DATABASE shop')
  await ask(server, 'postgres', 'CREATE DATABASE mart')
  await ask(
    server,
    'shop',
    `CREATE TABLE rows AS SELECT id, repeat('x', 100) || id AS value FROM generate_series(1, ${rows}) AS id; ANALYZE rows`,
  )
  const outcomes: Outcome[] = []
  for (const fault of faultsAt({ server, source, warehouse }).filter(({ name }) => name.includes(values.only))) {
    const outcome = await tried(fault)
    process.stderr.write(`${outcome.name}: exit ${outcome.seen.code} after ${outcome.seconds.toFixed(1)} s: ${outcome.seen.words}\n`)
    outcomes.push(outcome)
  }
  const lines = outcomes.map(({ name, seen, seconds, serverSeconds }) => [
    name,
    String(seen.code),
    seconds.toFixed(1),
    serverSeconds.toFixed(1),
    seen.words,
  ])
  process.stdout.write(`${table(['fault', 'exit', 's until it ended', 's until the server had no session', 'words'], lines)}\n`)
} finally {
  await source[Symbol.asyncDispose]()
  await warehouse[Symbol.asyncDispose]()
  await server.stop()
  rmSync(work, { recursive: true, force: true })
}
