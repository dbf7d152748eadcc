import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, globSync, mkdirSync, rmSync } from 'node:fs'
import { loadavg } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import pg from 'pg'
import { startPostgres } from '../fixtures/postgres-server.ts'
import { quoteLiteral } from '../lib/core/quote.ts'
import { openDuckDB } from '../lib/engines/duckdb.ts'
import { extensionsIn } from '../lib/engines/extensions.ts'
import { answerOf } from './children.ts'
import { requireSameContent } from './content.ts'
import { LINEITEM, lineitemCsv } from './lineitem.ts'
import { type Measured, median, type Stretch } from './measured.ts'
import { usageOf } from './processes.ts'

// `node bench/postgres.ts`: PostgreSQL in and out beside psql's \copy, in one sitting. Options: --rows 6000000 --rounds 3 --memory 256MB --tables 200.

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '6000000' },
    rounds: { type: 'string', default: '3' },
    memory: { type: 'string', default: '256MB' },
    tables: { type: 'string', default: '200' },
    folder: { type: 'string', default: resolve(import.meta.dirname, '../.millrace/bench') },
  },
})
const [rows, rounds, tables] = [Number(values.rows), Number(values.rounds), Number(values.tables)]
const cache = resolve(values.folder)
const work = join(cache, 'work')
const say = (text: string) => process.stderr.write(`${text}\n`)

try {
  execFileSync('psql', ['--version'])
} catch {
  throw new Error('psql is not on the PATH: it is what millrace is held against (apt-get install postgresql-client)')
}
const extension = extensionsIn(resolve(import.meta.dirname, '../.millrace/extensions')).file('postgres_scanner')
if (!extension) throw new Error('DuckDB\'s postgres_scanner is not in place: run "make setup" first')

const data = await lineitemCsv(cache, rows)
const parquet = join(data.folder, 'lineitem.parquet')
const server = await startPostgres({ settings: ['shared_buffers=512MB', 'max_wal_size=8GB', 'checkpoint_timeout=1h'] })
try {
  await prepare()
  say(`${rows} rows, ${rounds} rounds, load ${loadavg()[0]?.toFixed(1)}`)
  const figures: Record<string, { ours: Measured[]; bare: Measured[] }> = {}
  const note = (what: string, ours: Measured, bare: Measured) => {
    figures[what] ??= { ours: [], bare: [] }
    figures[what].ours.push(ours)
    figures[what].bare.push(bare)
  }
  for (let round = 1; round <= rounds; round++) {
    const out = async () => psql('shop', `\\copy lineitem to '/dev/null' (format binary)`)
    const into = async () => {
      await ask('mart', 'DROP TABLE IF EXISTS bare; CREATE TABLE bare (LIKE shape)')
      return psql('mart', `\\copy bare from '${join(cache, 'lineitem.pgcopy')}' (format binary)`)
    }
    for (const road of ['yes', 'no'] as const) {
      const what = road === 'yes' ? '' : ', COPY stream'
      note(`PG → Parquet${what}`, await millrace('pull', ['extract', 'land'], road), await out())
      if (round === 1) await verifyPull()
      await ask('mart', 'DROP TABLE IF EXISTS lineitem, _millrace_tokens')
      const ours = await millrace('push', ['load'], road)
      if (round === 1 && road === 'yes') await verifyPush()
      note(`Parquet → PG${what}`, ours, await into())
    }
    say(`round ${round} of ${rounds} done`)
  }
  const many = await millrace('many', ['extract', 'land'], 'yes')
  process.stdout.write(`${table(figures)}\n\n${tables} tables × 1,000 rows: ${((many.wallSeconds * 1000) / tables).toFixed(1)} ms each\n`)
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
  if (!existsSync(join(cache, 'lineitem.pgcopy')))
    await psql('shop', `\\copy lineitem to '${join(cache, 'lineitem.pgcopy')}' (format binary)`)
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

/** One command of psql: what its process took. */
async function psql(database: string, command: string): Promise<Measured> {
  const args = ['-h', server.host, '-p', String(server.port), '-U', server.user, '-d', database, '-qXc', command]
  spawnSync('sync')
  const [begun, cpu] = [performance.now(), usageOf(process.pid).cpuSeconds]
  const { status, stderr } = spawnSync('psql', args, { env: { ...process.env, PGPASSWORD: server.password }, encoding: 'utf8' })
  if (status !== 0) throw new Error(`psql ${command}: ${stderr}`)
  return { wallSeconds: (performance.now() - begun) / 1000, cpuSeconds: usageOf(process.pid).cpuSeconds - cpu, peakRssBytes: 0 }
}

async function millrace(pipeline: string, stages: readonly string[], road: 'yes' | 'no'): Promise<Measured> {
  rmSync(work, { recursive: true, force: true })
  mkdirSync(work, { recursive: true })
  const env = {
    ...{ BENCH_DATA: data.folder, BENCH_WORK: work, BENCH_PORT: String(server.port), BENCH_PASSWORD: server.password },
    ...{ BENCH_MEMORY: values.memory, BENCH_TABLES: values.tables, BENCH_EXTENSION: road },
    MILLRACE_EXTENSIONS: resolve(import.meta.dirname, '../.millrace/extensions'),
  }
  const { message, rss } = await answerOf<Stretch>('./postgres-child.ts', env, { pipeline, stages })
  return {
    wallSeconds: (message.to - message.from) / 1000,
    cpuSeconds: message.cpuSeconds,
    peakRssBytes: rss.peakBytes(message.from, message.to),
  }
}

async function verifyPull(): Promise<void> {
  const [landed = ''] = globSync(join(work, 'landing/**/*.parquet'))
  await requireSameContent('PG → Parquet', { kind: 'parquet', file: landed }, { kind: 'parquet', file: parquet }, cache)
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

function table(figures: Readonly<Record<string, { readonly ours: readonly Measured[]; readonly bare: readonly Measured[] }>>): string {
  const lines = Object.entries(figures).map(([what, { ours, bare }]) => {
    const ratio = median(ours.map((each, i) => each.wallSeconds / (bare[i]?.wallSeconds ?? 0)))
    const seconds = (all: readonly Measured[], pick: 'wallSeconds' | 'cpuSeconds') => median(all.map((each) => each[pick]))
    const perMillion = (seconds(ours, 'cpuSeconds') / rows) * 1e6
    const mebibytes = Math.max(...ours.map(({ peakRssBytes }) => peakRssBytes)) / 2 ** 20
    return [
      what,
      seconds(ours, 'wallSeconds').toFixed(2),
      seconds(bare, 'wallSeconds').toFixed(2),
      ratio.toFixed(2),
      perMillion.toFixed(2),
      mebibytes.toFixed(0),
    ]
  })
  const head = ['road', 's', '\\copy binary s', 'wall ×', 'CPU-s/M rows', 'RSS MiB']
  return [head, head.map(() => '---'), ...lines].map((line) => `| ${line.join(' | ')} |`).join('\n')
}
