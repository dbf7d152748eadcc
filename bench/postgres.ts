import { execFile, execFileSync, spawnSync } from 'node:child_process'
import { existsSync, globSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { loadavg } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import pg from 'pg'
import { startPostgres } from '../fixtures/postgres-server.ts'
import { extensionsFolder } from '../lib/config/load.ts'
import { quoteLiteral } from '../lib/core/quote.ts'
import { openDuckDB } from '../lib/engines/duckdb.ts'
import { extensionsIn } from '../lib/engines/extensions.ts'
import { answerOf } from './children.ts'
import { requireSameContent } from './content.ts'
import { LINEITEM, lineitemCsv } from './lineitem.ts'
import type { ManyJob } from './many-bare-child.ts'
import type { Measured, Stretch } from './measured.ts'
import type { BareTableJob } from './postgres-bare-child.ts'
import { manyTable, roadsTable } from './postgres-report.ts'
import { type RssSamples, usageOf } from './processes.ts'

// `node bench/postgres.ts`: PostgreSQL in and out beside psql's \copy and DuckDB's extension alone, and many small tables beside DuckDB's extension alone, in one sitting. Options: --rows 6000000 --rounds 3 --memory 256MB --tables 200 --many-rounds 5; no rounds leave their part out.

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '6000000' },
    rounds: { type: 'string', default: '3' },
    memory: { type: 'string', default: '256MB' },
    tables: { type: 'string', default: '200' },
    'many-rounds': { type: 'string', default: '5' },
    folder: { type: 'string', default: resolve(import.meta.dirname, '../.millrace/bench') },
  },
})
const [rows, rounds] = [Number(values.rows), Number(values.rounds)]
const [tables, manyRounds] = [Number(values.tables), Number(values['many-rounds'])]
const cache = resolve(values.folder)
const work = join(cache, 'postgres-work')
const say = (text: string) => process.stderr.write(`${text}\n`)

try {
  execFileSync('psql', ['--version'])
} catch {
  throw new Error('psql is not on the PATH: it is what millrace is held against (apt-get install postgresql-client)')
}
const extensions = extensionsFolder(resolve(import.meta.dirname, '..'))
const extension = extensionsIn(extensions).file('postgres_scanner')
if (!extension) throw new Error('DuckDB\'s postgres_scanner is not in place: run "make setup" first')

const data = await lineitemCsv(cache, rows)
const [parquet, binary] = [join(data.folder, 'lineitem.parquet'), join(data.folder, 'lineitem.pgcopy')]
const halves = [join(data.folder, 'lineitem-1.pgcopy'), join(data.folder, 'lineitem-2.pgcopy')] as const
const ROADS = [
  ['yes', ''],
  ['no', ', COPY stream'],
] as const
/** A first load by one connection and by two, each beside as many of psql. */
const PUSHES = [
  [1, [binary], ''],
  [4, halves, ', two connections'],
] as const
const server = await startPostgres({ settings: ['shared_buffers=512MB', 'max_wal_size=8GB', 'checkpoint_timeout=1h'] })
try {
  await prepare()
  say(`${rows} rows, ${rounds} rounds, load ${loadavg()[0]?.toFixed(1)}`)
  const [roads, many, engine] = [sides(), sides(), bareSides()]
  for (let round = 1; round <= rounds; round++) {
    const out = async () => psql('shop', `\\copy lineitem to '/dev/null' (format binary)`)
    const into = async (...files: readonly string[]) => {
      await ask('mart', 'DROP TABLE IF EXISTS bare; CREATE TABLE bare (LIKE shape)')
      return psql('mart', ...files.map((file) => `\\copy bare from '${file}' (format binary)`))
    }
    engine.note('PG → Parquet', await bareTable('pull'))
    engine.note('Parquet → PG', await bareTable('push'))
    for (const [road, suffix] of ROADS) {
      roads.note(`PG → Parquet${suffix}`, await millrace('pull', ['extract', 'land'], road), await out())
      if (round === 1) await verifyPull()
      for (const [connections, files, two] of PUSHES) {
        await ask('mart', 'DROP TABLE IF EXISTS lineitem, _millrace_tokens')
        const ours = await millrace('push', ['load'], road, connections)
        if (round === 1) await verifyPush()
        roads.note(`Parquet → PG${suffix}${two}`, ours, await into(...files))
      }
    }
    say(`round ${round} of ${rounds} done`)
  }
  for (let round = 1; round <= manyRounds; round++) {
    for (const [road, suffix] of ROADS) {
      const ours = await millrace('many', ['extract', 'land'], road)
      if (round === 1) requireAllTables()
      many.note(`PG → Parquet${suffix}`, ours, await bareMany())
    }
    say(`many tables: round ${round} of ${manyRounds} done`)
  }
  const parts = [rounds > 0 && roadsTable(roads.all, engine.all, rows, values.memory), manyRounds > 0 && manyTable(many.all, tables)]
  process.stdout.write(`${parts.filter(Boolean).join('\n\n')}\n`)
} finally {
  await server.stop('immediate')
  rmSync(work, { recursive: true, force: true })
}

/** The source's tables, a Parquet file and a file of binary COPY with the same rows. */
async function prepare(): Promise<void> {
  await ask('postgres', 'CREATE DATABASE shop')
  await ask('postgres', 'CREATE DATABASE mart')
  const types: Readonly<Record<string, string>> = { int64: 'bigint', int32: 'integer', 'decimal(15,2)': 'numeric(15,2)' }
  const columns = Object.entries(LINEITEM).map(([name, type]) => `${name} ${types[type] ?? type}`)
  await ask('shop', `CREATE TABLE lineitem (${columns.join(', ')})`)
  await ask('mart', `CREATE TABLE shape (${columns.join(', ')})`)
  await psql('shop', `\\copy lineitem from '${data.file}' (format csv, header)`)
  await ask('shop', 'VACUUM ANALYZE lineitem')
  const many = Array.from(
    { length: tables },
    (_, i) =>
      `CREATE TABLE t${i} AS SELECT i::bigint AS id, md5(i::text) AS name, (i * 1.25)::numeric(12,2) AS amount, now()::timestamp AS at FROM generate_series(1, 1000) i`,
  )
  await ask('shop', many.join(';'))
  if (!existsSync(binary)) await psql('shop', `\\copy lineitem to '${binary}' (format binary)`)
  const middle = "(select pg_relation_size('lineitem') / 16384)"
  for (const [i, file] of halves.entries()) {
    const where = `ctid ${i === 0 ? '<' : '>='} format('(%s,0)', ${middle})::tid`
    if (!existsSync(file)) await psql('shop', `\\copy (select * from lineitem where ${where}) to '${file}' (format binary)`)
  }
  if (existsSync(parquet)) return
  const db = await openDuckDB({ memoryBytes: 2 ** 30, threads: 2, temp: join(cache, 'spill') })
  const select = Object.entries(LINEITEM).map(
    ([name, type]) =>
      `CAST(${name} AS ${type === 'int64' ? 'BIGINT' : type === 'int32' ? 'INTEGER' : type === 'text' ? 'VARCHAR' : type}) AS ${name}`,
  )
  await db.run(
    `COPY (SELECT ${select.join(', ')} FROM read_csv(${quoteLiteral(data.file)}, all_varchar = true)) TO ${quoteLiteral(parquet)} (FORMAT parquet)`,
  )
  db.close()
}

async function ask(database: string, sql: string): Promise<void> {
  const { host, port, user, password } = server
  const client = new pg.Client({ host, port, user, password, database })
  await client.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}

/** Commands of psql, each in a process of its own and all at once: what those took. */
async function psql(database: string, ...commands: readonly string[]): Promise<Measured> {
  const args = ['-h', server.host, '-p', String(server.port), '-U', server.user, '-d', database, '-qXc']
  const env = { ...process.env, PGPASSWORD: server.password }
  spawnSync('sync')
  const [begun, cpu] = [performance.now(), usageOf(process.pid).cpuSeconds]
  await Promise.all(commands.map((command) => promisify(execFile)('psql', [...args, command], { env })))
  return { wallSeconds: (performance.now() - begun) / 1000, cpuSeconds: usageOf(process.pid).cpuSeconds - cpu, peakRssBytes: 0 }
}

async function millrace(pipeline: string, stages: readonly string[], road: 'yes' | 'no', connections = 1): Promise<Measured> {
  rmSync(work, { recursive: true, force: true })
  mkdirSync(work, { recursive: true })
  const env = {
    ...{ BENCH_DATA: data.folder, BENCH_WORK: work, BENCH_PORT: String(server.port), BENCH_PASSWORD: server.password },
    ...{ BENCH_MEMORY: values.memory, BENCH_TABLES: values.tables, BENCH_EXTENSION: road, BENCH_CONNECTIONS: String(connections) },
    MILLRACE_EXTENSIONS: extensions,
  }
  const { message, rss } = await answerOf<Stretch>('./postgres-child.ts', env, { pipeline, stages })
  return measured(message, rss)
}

async function verifyPull(): Promise<void> {
  await requireSameContent(
    'PG → Parquet',
    { kind: 'parquet', file: join(work, 'landing/**/*.parquet') },
    { kind: 'parquet', file: parquet },
    cache,
  )
}

/** The table that was loaded, brought back by psql, against the file that it was loaded from. */
async function verifyPush(): Promise<void> {
  const csv = join(cache, 'pushed.csv')
  const back = join(cache, 'source.csv')
  await psql('mart', `\\copy (select ${Object.keys(LINEITEM).join(', ')} from lineitem) to '${csv}' (format csv, header)`)
  await psql('shop', `\\copy lineitem to '${back}' (format csv, header)`)
  await requireSameContent('Parquet → PG', { kind: 'csv', file: csv }, { kind: 'csv', file: back }, cache)
  rmSync(csv)
  rmSync(back)
}

/** DuckDB and its extension alone. */
async function bareTable(way: BareTableJob['way']): Promise<Measured> {
  if (way === 'push') await ask('mart', 'DROP TABLE IF EXISTS bare; CREATE TABLE bare (LIKE shape)')
  const job: BareTableJob = {
    ...{ extension: extension ?? '', port: server.port, password: server.password, memory: values.memory, temp: join(cache, 'spill'), way },
    ...(way === 'pull'
      ? { database: 'shop', table: 'lineitem', file: join(cache, 'bare.parquet') }
      : { database: 'mart', table: 'bare', file: parquet }),
  }
  const { message, rss } = await answerOf<Stretch>('./postgres-bare-child.ts', {}, job)
  if (way === 'pull') rmSync(job.file)
  return measured(message, rss)
}

/** Rounds of each work. */
function bareSides() {
  const all = new Map<string, Measured[]>()
  return { all, note: (what: string, taken: Measured) => void all.set(what, [...(all.get(what) ?? []), taken]) }
}

/** Both sides of each work, as rounds bring them. */
function sides() {
  const all = new Map<string, { ours: Measured[]; bare: Measured[] }>()
  const note = (what: string, ours: Measured, bare: Measured) => {
    const found = all.get(what) ?? { ours: [], bare: [] }
    all.set(what, { ours: [...found.ours, ours], bare: [...found.bare, bare] })
  }
  return { all, note }
}

function requireAllTables(): void {
  const landed = globSync(join(work, 'landing/**/_manifests/*.json')).map(
    (file) => JSON.parse(readFileSync(file, 'utf8')) as { rows: number },
  )
  if (landed.length !== tables || landed.some((load) => load.rows !== 1000))
    throw new Error(`of ${tables} tables ${landed.length} have landed`)
}

async function bareMany(): Promise<Measured> {
  const job: ManyJob = {
    ...{ extension: extension ?? '', port: server.port, password: server.password, tables, memory: values.memory },
    folder: join(cache, 'many-bare'),
  }
  const { message, rss } = await answerOf<Stretch>('./many-bare-child.ts', {}, job)
  rmSync(job.folder, { recursive: true })
  return measured(message, rss)
}

function measured({ from, to, cpuSeconds }: Stretch, rss: RssSamples): Measured {
  return { wallSeconds: (to - from) / 1000, cpuSeconds, peakRssBytes: rss.peakBytes(from, to) }
}
