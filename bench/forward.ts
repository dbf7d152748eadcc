import { execFile } from 'node:child_process'
import { createReadStream, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { loadavg } from 'node:os'
import { join, resolve } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { parseArgs, promisify } from 'node:util'
import pg from 'pg'
import { from, to } from 'pg-copy-streams'
import { type PostgresServer, startPostgres } from '../fixtures/postgres-server.ts'
import { openProject } from '../lib/pipeline/project.ts'
import { run } from '../lib/pipeline/run/run.ts'
import { LINEITEM, lineitemCsv } from './lineitem.ts'
import { median } from './measured.ts'
import { usageOf } from './processes.ts'

// `node bench/forward.ts`: a table from one PostgreSQL to another, by `forward: true`, by `forward: 'land'` and by `psql | psql`, one after the other on the same two servers. Options: --rows 2000000 --rounds 5 --sides bare,same,millrace,land --folder .millrace/bench.

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '2000000' },
    rounds: { type: 'string', default: '5' },
    sides: { type: 'string', default: 'bare,same,millrace,land' },
    folder: { type: 'string', default: resolve(import.meta.dirname, '../.millrace/bench') },
  },
})

const TYPES: Readonly<Record<string, string>> = {
  int64: 'bigint',
  int32: 'integer',
  text: 'text',
  date: 'date',
  'decimal(15,2)': 'numeric(15,2)',
}
const names = Object.keys(LINEITEM)
const columns = Object.entries(LINEITEM).map(([name, type]) => `${name} ${TYPES[type]}`)
/** What every table of the warehouse has beside the dataset's columns, with values as long as they are there. */
const own = ["_partition text DEFAULT ''", "_load text DEFAULT '0123456789ab'"]
const COPY_OUT = 'COPY lineitem TO STDOUT (FORMAT binary)'
const COPY_IN = `COPY lineitem (${names.join(', ')}) FROM STDIN (FORMAT binary)`
const say = (text: string) => process.stderr.write(`${text}\n`)

interface Taken {
  readonly seconds: number
  /** Of both servers and of what stands between them. */
  readonly cpuSeconds: number
  /** Of the latter. */
  readonly between: number
}

async function session({ host, port, user, password }: PostgresServer): Promise<pg.Client> {
  const client = new pg.Client({ host, port, user, password, database: 'postgres' })
  await client.connect()
  return client
}

const [data, source, target] = await Promise.all([
  lineitemCsv(values.folder, Number(values.rows)),
  ...[0, 1].map(() => startPostgres({ version: 18, settings: ['shared_buffers=256MB', 'max_wal_size=8GB', 'autovacuum=off'] })),
] as const)
if (!source || !target) throw new Error('no servers')
const work = join(values.folder, 'forward-work')
const [there, here] = [await session(source), await session(target)]
const hasPsql = await promisify(execFile)('psql', ['--version']).then(
  () => true,
  () => false,
)

const postmasters = [source, target].map(({ folder }) => Number(readFileSync(join(folder, 'postmaster.pid'), 'utf8').split('\n')[0]))
const usage = () => ({
  all: usageOf(process.pid).cpuSeconds,
  servers: postmasters.reduce((sum, pid) => sum + usageOf(pid).cpuSeconds, 0),
})

async function timed(work: () => Promise<unknown>): Promise<Taken> {
  const [begun, before] = [performance.now(), usage()]
  await work()
  const [seconds, after] = [(performance.now() - begun) / 1000, usage()]
  const cpuSeconds = after.all - before.all
  return { seconds, cpuSeconds, between: cpuSeconds - (after.servers - before.servers) }
}

/** `more`: run after the COPY. */
async function psql(more = ''): Promise<void> {
  const at = ({ host, port, user }: PostgresServer) => `psql -X -q -h ${host} -p ${port} -U ${user} -d postgres`
  const [one, other] = [source, target].map((server) => at(server as PostgresServer))
  const line = `set -o pipefail; ${one} -c "${COPY_OUT}" | ${other} -c "${COPY_IN}"${more && ` -c "${more}"`}`
  await promisify(execFile)('bash', ['-c', line], { env: { ...process.env, PGPASSWORD: source?.password } })
}

/** The same by two bare sessions of the driver, where there is no psql. */
async function twoSessions(more = ''): Promise<void> {
  await pipeline(there.query(to(COPY_OUT)), here.query(from(COPY_IN)))
  if (more) await here.query(more)
}

async function bare(more: readonly string[], after = ''): Promise<Taken> {
  await here.query(`DROP TABLE IF EXISTS lineitem; CREATE TABLE lineitem (${[...columns, ...more].join(', ')})`)
  await here.query('CHECKPOINT')
  return timed(() => (hasPsql ? psql : twoSessions)(after))
}

const project = await (async () => {
  Object.assign(process.env, { BENCH_FROM: source.port, BENCH_TO: target.port, BENCH_WORK: work, BENCH_PASSWORD: source.password })
  rmSync(work, { recursive: true, force: true })
  mkdirSync(work, { recursive: true })
  return openProject(join(import.meta.dirname, 'forward'))
})()

async function millrace(name: 'forward' | 'land'): Promise<Taken> {
  await here.query('DROP TABLE IF EXISTS lineitem; DROP TABLE IF EXISTS _millrace_tokens')
  rmSync(join(work, 'landing'), { recursive: true, force: true })
  await here.query('CHECKPOINT')
  return timed(async () => {
    const report = await run(project, name)
    if (report.outcome !== 'done') throw new Error(`the run ended ${report.outcome}: ${report.partitions[0]?.error?.message}`)
  })
}

/** Counts of values and sums of their hashes, by column. */
async function contentOf(client: pg.Client): Promise<string> {
  const sums = names.map((name) => `count(${name}), sum(hashtextextended(${name}::text, 0)::numeric)`)
  const { rows } = await client.query({ text: `SELECT count(*), ${sums.join(', ')} FROM lineitem`, rowMode: 'array' })
  return JSON.stringify(rows[0])
}

try {
  await there.query(`CREATE TABLE lineitem (${columns.join(', ')})`)
  await pipeline(createReadStream(data.file), there.query(from('COPY lineitem FROM STDIN (FORMAT csv, HEADER)')))
  await there.query('VACUUM ANALYZE lineitem')
  await there.query('CHECKPOINT')
  const content = await contentOf(there)
  const sides = {
    bare: () => bare([]),
    same: () => bare(own, 'ANALYZE lineitem'),
    millrace: () => millrace('forward'),
    land: () => millrace('land'),
  } as const
  const all = (Object.keys(sides) as (keyof typeof sides)[]).filter((side) => values.sides.split(',').includes(side))
  const taken: Record<keyof typeof sides, Taken[]> = { bare: [], same: [], millrace: [], land: [] }
  for (const side of all) {
    await sides[side]()
    if ((await contentOf(here)) !== content) throw new Error(`what came by ${side} is not what the source has`)
  }
  say(`${values.rows} rows, every column equal; ${values.rounds} rounds, load ${loadavg()[0]?.toFixed(1)}`)
  for (let round = 0; round < Number(values.rounds); round++) {
    const order = all.map((_, i) => all[(i + round) % all.length] ?? 'bare')
    for (const side of order) taken[side].push(await sides[side]())
    say(
      `round ${round + 1}: ${order.map((side) => `${side} ${taken[side].at(-1)?.seconds.toFixed(2)} s`).join(', ')}, load ${loadavg()[0]?.toFixed(1)}`,
    )
  }
  const million = Number(values.rows) / 1e6
  const of = (side: keyof typeof sides, what: keyof Taken) => median(taken[side].map((each) => each[what]))
  const ratio = (side: 'bare' | 'same', what: keyof Taken) =>
    median(taken.millrace.map((each, i) => each[what] / (taken[side][i]?.[what] ?? Number.NaN))).toFixed(2)
  const tool = hasPsql ? 'psql \\| psql' : 'two bare sessions'
  const line = (side: keyof typeof sides, name: string) => {
    const ratios = side === 'millrace' || side === 'land' ? ['', ''] : [ratio(side, 'seconds'), ratio(side, 'cpuSeconds')]
    const cpu = [of(side, 'cpuSeconds'), of(side, 'between')].map((seconds) => (seconds / million).toFixed(2))
    return `| ${name} | ${of(side, 'seconds').toFixed(1)} s | ${ratios.join(' | ')} | ${cpu.join(' | ')} |`
  }
  const titles: Readonly<Record<keyof typeof sides, string>> = {
    bare: `\`${tool}\``,
    same: `\`${tool}\`, into a table with \`_partition\` and \`_load\`, and ANALYZE`,
    millrace: '`forward: true`',
    land: "`forward: 'land'`",
  }
  process.stdout.write(
    [
      `| ${values.rows} rows × ${names.length} columns | wall, median | millrace ÷ it, wall | millrace ÷ it, CPU | CPU-s per M rows, servers too | between them |`,
      '| --- | --- | --- | --- | --- | --- |',
      ...all.map((side) => line(side, titles[side])),
      '',
    ].join('\n'),
  )
} finally {
  await Promise.allSettled([there.end(), here.end()])
  await Promise.allSettled([source.stop(), target.stop()])
  rmSync(work, { recursive: true, force: true })
}
