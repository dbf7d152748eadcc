import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { quoteLiteral } from '../lib/core/quote.ts'
import { type DuckDB, openDuckDB } from '../lib/engines/duckdb.ts'
import type { BareBackfill } from './backfill-bare-child.ts'
import { answerOf } from './children.ts'
import { lineitemSql } from './lineitem.ts'
import { median, type Stretch } from './measured.ts'

// `node bench/backfill.ts`: 200 days by `millrace backfill`, beside the same SQL over the same days in DuckDB alone, in one sitting. Options: --partitions 200 --rows 50000 (of each) --rounds 3 --jobs 2 --memory 2GB --threads 2.

const { values } = parseArgs({
  options: {
    partitions: { type: 'string', default: '200' },
    rows: { type: 'string', default: '50000' },
    rounds: { type: 'string', default: '3' },
    jobs: { type: 'string', default: '2' },
    memory: { type: 'string', default: '2GB' },
    threads: { type: 'string', default: '2' },
    folder: { type: 'string', default: resolve(import.meta.dirname, '../.millrace/bench') },
  },
})
const [partitions, rows, rounds] = [Number(values.partitions), Number(values.rows), Number(values.rounds)]
const say = (text: string) => process.stderr.write(`${text}\n`)
const [work, bare] = [join(values.folder, 'work'), join(values.folder, 'bare')]
const day = (n: number) => new Date(Date.UTC(1992, 0, 1 + n)).toISOString().slice(0, 10)

async function withDuckDB<T>(work: (db: DuckDB) => Promise<T>): Promise<T> {
  const db = await openDuckDB({ memoryBytes: 2 ** 30, threads: 2, temp: join(values.folder, 'spill') })
  try {
    return await work(db)
  } finally {
    db.close()
  }
}

/** A file for each day, the same on any machine. */
async function madeData(): Promise<string> {
  const folder = join(values.folder, `days-${partitions}-${rows}`)
  if (existsSync(folder)) return folder
  const part = `${folder}.part`
  rmSync(part, { recursive: true, force: true })
  mkdirSync(part, { recursive: true })
  await withDuckDB(async (db) => {
    await db.run(`CREATE TABLE lineitem AS ${lineitemSql(partitions * rows)}`)
    for (let i = 0; i < partitions; i++)
      await db.run(
        `COPY (FROM lineitem LIMIT ${rows} OFFSET ${i * rows}) TO ${quoteLiteral(join(part, `${day(i)}.csv`))} (FORMAT csv, HEADER)`,
      )
  })
  renameSync(part, folder)
  return folder
}

/** Both tables, column by column. @throws Error where they differ */
async function requireSame(): Promise<string> {
  return withDuckDB(async (db) => {
    for (const [name, folder] of [['ours', work] as const, ['theirs', bare] as const])
      await db.run(`ATTACH ${quoteLiteral(join(folder, 'warehouse.duckdb'))} AS ${name} (READ_ONLY)`)
    const sums = `SELECT count(*) AS rows, sum(hash(COLUMNS(* EXCLUDE (_load)))) FROM `
    const [a] = await db.meta(`${sums} ours.priced`)
    const [b] = await db.meta(`${sums} theirs.priced`)
    if (JSON.stringify(a) !== JSON.stringify(b)) throw new Error(`the tables differ: ${JSON.stringify([a, b])}`)
    return `${a?.rows} rows loaded by both, every column equal`
  })
}

const data = await madeData()
const found: { readonly ours: Stretch; readonly theirs: Stretch; readonly rss: number; readonly load: number }[] = []
let verified = ''
for (let round = 1; round <= rounds; round++) {
  const load = loadavg()[0] ?? 0
  const millrace = async () => {
    rmSync(work, { recursive: true, force: true })
    mkdirSync(work, { recursive: true })
    const env = { BENCH_DATA: data, BENCH_WORK: work, BENCH_MEMORY: values.memory, BENCH_THREADS: values.threads }
    const { message, rss } = await answerOf<Stretch>('./backfill-child.ts', { ...env, BENCH_TO: day(partitions), BENCH_JOBS: values.jobs })
    return { ours: message, rss: rss.peakBytes() }
  }
  const job: BareBackfill = { data, folder: bare, memory: values.memory, threads: Number(values.threads) }
  // Who goes first changes: whatever drifts in a sitting falls on both.
  const first = round % 2 === 1 ? await millrace() : undefined
  const { message: theirs } = await answerOf<Stretch>('./backfill-bare-child.ts', {}, job)
  found.push({ ...(first ?? (await millrace())), theirs, load })
  if (round === 1) verified = await requireSame()
  say(`round ${round} of ${rounds} done, load ${load.toFixed(1)}`)
}
rmSync(work, { recursive: true, force: true })
rmSync(bare, { recursive: true, force: true })

const seconds = ({ from, to }: Stretch) => (to - from) / 1000
const [ours, theirs] = [median(found.map((each) => seconds(each.ours))), median(found.map((each) => seconds(each.theirs)))]
const cpu = (of: 'ours' | 'theirs') => median(found.map((each) => each[of].cpuSeconds))
const report = {
  machine: { cpu: cpus()[0]?.model, cores: availableParallelism(), node: process.version },
  ...{ partitions, rows, rounds, jobs: Number(values.jobs), memory: values.memory, threads: Number(values.threads), verified },
  seconds: { millrace: ours, duckdb: theirs },
  throughput: median(found.map((each) => seconds(each.theirs) / seconds(each.ours))),
  overheadMs: ((ours - theirs) / partitions) * 1000,
  cpuSeconds: { millrace: cpu('ours'), duckdb: cpu('theirs') },
  peakRssBytes: Math.max(...found.map(({ rss }) => rss)),
}
writeFileSync(join(values.folder, 'backfill.json'), `${JSON.stringify({ ...report, raw: found }, null, 2)}\n`)
process.stdout.write(
  [
    `- ${verified}`,
    '',
    `| ${partitions} partitions of ${rows} rows | time | throughput to DuckDB's | overhead a partition | CPU |`,
    '| --- | --- | --- | --- | --- |',
    `| DuckDB alone | ${theirs.toFixed(1)} s | | | ${cpu('theirs').toFixed(1)} s |`,
    `| millrace backfill --jobs ${values.jobs} | ${ours.toFixed(1)} s | ${report.throughput.toFixed(2)} | ${report.overheadMs.toFixed(1)} ms | ${cpu('ours').toFixed(1)} s |`,
    '',
  ].join('\n'),
)
