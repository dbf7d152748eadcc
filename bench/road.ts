import { globSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { BareJob } from './bare-child.ts'
import { answerOf } from './children.ts'
import { type Content, requireSameContent } from './content.ts'
import { lineitemCsv } from './lineitem.ts'
import { type Measured, STAGES, type StageName, type Stretch } from './measured.ts'
import type { RssSamples } from './processes.ts'
import { type Round, roadReport, roadTable } from './road-report.ts'
import { measureStart, startTable } from './start.ts'

// `make bench`: the whole road beside the engines that it runs on, in one sitting. Options: --rows 6000000 --rounds 5 --memory 1GB --threads 2 --folder .millrace/bench --no-start.

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '6000000' },
    rounds: { type: 'string', default: '5' },
    memory: { type: 'string', default: '1GB' },
    threads: { type: 'string', default: '2' },
    folder: { type: 'string', default: resolve(import.meta.dirname, '../.millrace/bench') },
    start: { type: 'boolean', default: true },
  },
  allowNegative: true,
})

const [rows, rounds] = [Number(values.rows), Number(values.rounds)]
const cache = resolve(values.folder)
const work = join(cache, 'work')
const bare = join(cache, 'bare')
const data = await lineitemCsv(cache, rows)
const say = (text: string) => process.stderr.write(`${text}\n`)

const fresh = (folder: string) => {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
}

const measured = ({ from, to, cpuSeconds }: Stretch, rss: RssSamples): Measured => ({
  wallSeconds: (to - from) / 1000,
  cpuSeconds,
  peakRssBytes: rss.peakBytes(from, to),
})

async function millrace(): Promise<Round['millrace']> {
  fresh(work)
  const env = { BENCH_DATA: data.folder, BENCH_WORK: work, BENCH_MEMORY: values.memory, BENCH_THREADS: values.threads }
  const { message, rss } = await answerOf<{ stages: Record<StageName | 'check' | 'whole', Stretch> }>('./road-child.ts', env)
  return Object.fromEntries(Object.entries(message.stages).map(([stage, each]) => [stage, measured(each, rss)])) as Round['millrace']
}

const FILES: Readonly<Record<StageName, readonly [from: string, to: string]>> = {
  land: [data.file, join(bare, 'land.parquet')],
  sql: [join(bare, 'land.parquet'), join(bare, 'sql.parquet')],
  frame: [join(bare, 'sql.parquet'), join(bare, 'frame.parquet')],
  load: [join(bare, 'sql.parquet'), join(bare, 'warehouse.duckdb')],
  export: [join(bare, 'frame.parquet'), join(bare, 'export.csv')],
}

async function bareStage(stage: StageName, more: Partial<BareJob> = {}): Promise<Measured> {
  const [from, to] = FILES[stage]
  const job: BareJob = { stage, from, to, memory: values.memory, threads: Number(values.threads), temp: join(bare, 'spill'), ...more }
  const { message, rss } = await answerOf<Stretch>('./bare-child.ts', { POLARS_MAX_THREADS: values.threads }, job)
  return measured(message, rss)
}

async function bareStages(): Promise<Round['bare']> {
  fresh(bare)
  const found: Partial<Record<StageName, Measured>> = {}
  for (const stage of STAGES) found[stage] = await bareStage(stage)
  return found as Round['bare']
}

/** What both sides have written, column by column. */
async function verify(): Promise<readonly string[]> {
  const csv = join(bare, 'written.csv')
  await bareStage('export', { to: csv, drain: false })
  const only = (pattern: string): string => {
    const found = globSync(pattern, { cwd: work })
    if (found.length !== 1) throw new Error(`${found.length} files match ${pattern}`)
    return join(work, found[0] ?? '')
  }
  const pairs: readonly (readonly [string, Content, Content])[] = [
    ['landed', { kind: 'parquet', file: only('landing/**/*.parquet') }, { kind: 'parquet', file: FILES.land[1] }],
    [
      'loaded (the SQL result)',
      { kind: 'table', file: join(work, 'warehouse.duckdb'), table: 'lineitem' },
      { kind: 'table', file: FILES.load[1], table: 'lineitem' },
    ],
    ['delivered (the frame)', { kind: 'csv', file: only('export/**/*.csv') }, { kind: 'csv', file: csv }],
  ]
  const lines: string[] = []
  for (const [what, ours, theirs] of pairs)
    lines.push(`${what}: ${await requireSameContent(what, ours, theirs, bare)} rows, every column equal`)
  rmSync(csv)
  return lines
}

say(`${rows} rows, ${Math.round(data.bytes / 1e6)} MB of CSV, ${rounds} rounds, load ${loadavg()[0]?.toFixed(1)}`)
const all: Round[] = []
let verified: readonly string[] = []
for (let round = 1; round <= rounds; round++) {
  const load = loadavg()[0] ?? 0
  // Who goes first changes: whatever drifts in a sitting falls on both.
  const ours = round % 2 === 1 ? await millrace() : undefined
  const theirs = await bareStages()
  all.push({ load, bare: theirs, millrace: ours ?? (await millrace()) })
  if (round === 1) verified = await verify()
  say(`round ${round} of ${rounds} done, load ${load.toFixed(1)}`)
}
rmSync(work, { recursive: true, force: true })
rmSync(bare, { recursive: true, force: true })

const report = {
  machine: { cpu: cpus()[0]?.model, cores: availableParallelism(), memoryBytes: totalmem(), node: process.version },
  ...{ rows, csvBytes: data.bytes, rounds, memory: values.memory, threads: Number(values.threads), verified },
  road: roadReport(all, rows),
  ...(values.start && { start: await measureStart() }),
}
writeFileSync(join(cache, 'road.json'), `${JSON.stringify({ ...report, raw: all }, null, 2)}\n`)
process.stdout.write(
  `${[...verified.map((line) => `- ${line}`), '', roadTable(report.road), ...(report.start ? ['', startTable(report.start)] : [])].join('\n')}\n`,
)
say(`in full: ${join(cache, 'road.json')}`)
