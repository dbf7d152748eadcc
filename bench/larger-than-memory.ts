import { spawn } from 'node:child_process'
import { mkdirSync, readdirSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { openDuckDB } from '../lib/engines/duckdb.ts'
import type { RunReport } from '../lib/pipeline/report.ts'
import { expectedOf, type LargerData, largerData } from './larger-data.ts'
import { largerTable, type StageSeen } from './larger-report.ts'
import { verifyLarger } from './larger-verify.ts'
import { sampleRss } from './processes.ts'

// More data than memory, as a user runs it. Options: --rows 100000000 --memory 2GB --threads 2 --folder .millrace/bench --keep (leave the data and the results).
// 100 M rows are 14 GB of CSV; the whole takes 60 GB of disk.

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '100000000' },
    memory: { type: 'string', default: '2GB' },
    threads: { type: 'string', default: '2' },
    folder: { type: 'string', default: resolve(import.meta.dirname, '../.millrace/bench') },
    keep: { type: 'boolean', default: false },
  },
})

const EVERY_MS = 100
const rows = Number(values.rows)
const cache = resolve(values.folder)
const work = join(cache, 'larger-work')
const project = resolve(import.meta.dirname, 'larger')
const say = (text: string) => process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`)

/** One run of the command: what its report says, and what was seen of each stage. */
interface Seen {
  readonly report: RunReport
  readonly stages: readonly StageSeen[]
  readonly peakBytes: number
  readonly wallSeconds: number
  /** The most that lay on the disk below the work folder, and in files that engines spill to. */
  readonly diskBytes: number
  readonly spilledBytes: number
}

async function millraceRun(data: LargerData): Promise<Seen> {
  const args = ['run', 'larger', '--memory', values.memory, '--threads', values.threads, '--json']
  const env = { ...process.env, BENCH_DATA: data.folder, BENCH_WORK: work, MILLRACE_LOG: 'json' }
  const child = spawn(process.execPath, [resolve(import.meta.dirname, '../bin/millrace.js'), ...args], {
    ...{ cwd: project, env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const rss = sampleRss(child.pid ?? 0, EVERY_MS)
  const started = Date.now()
  const disk: DiskSample[] = []
  const watch = setInterval(() => disk.push({ at: Date.now(), ...onDisk(work) }), 1000)
  const open = new Map<string, number>()
  const stages: Omit<StageSeen, 'peakBytes' | 'spilledBytes'>[] = []
  let [stdout, words] = ['', '']
  createInterface({ input: child.stderr }).on('line', (line) => {
    const { stage, phase, dataset, target, rows: written, msg, level } = JSON.parse(line) as Readonly<Record<string, string>>
    const name = [stage, dataset, target].filter(Boolean).join(' ')
    if (phase === 'start') open.set(name, Date.now())
    else if (phase === 'end') {
      stages.push({ name, from: open.get(name) ?? started, to: Date.now(), rows: Number(written ?? 0) })
      say(
        `${name}: ${((Date.now() - (open.get(name) ?? started)) / 1000).toFixed(1)} s, peak so far ${Math.round(rss.peakBytes() / 2 ** 20)} MiB`,
      )
    }
    if (level !== 'info') words += `${msg}\n`
    if (level !== 'info') say(String(msg))
  })
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  const code = await new Promise<number | null>((done) => child.on('close', done))
  rss.stop()
  clearInterval(watch)
  if (code !== 0) throw new Error(`millrace run ended with ${code}: ${words}${stdout.slice(-3000)}`)
  const most = (what: 'diskBytes' | 'spilledBytes', from = 0, to = Number.POSITIVE_INFINITY) =>
    disk.reduce((max, each) => (each.at >= from - 1000 && each.at <= to + 1000 ? Math.max(max, each[what]) : max), 0)
  return {
    report: JSON.parse(stdout),
    stages: stages.map((each) => ({
      ...each,
      peakBytes: rss.peakBytes(each.from, each.to),
      spilledBytes: most('spilledBytes', each.from, each.to),
    })),
    peakBytes: rss.peakBytes(),
    wallSeconds: (Date.now() - started) / 1000,
    diskBytes: most('diskBytes'),
    spilledBytes: most('spilledBytes'),
  }
}

interface DiskSample {
  readonly at: number
  readonly diskBytes: number
  readonly spilledBytes: number
}

/** Blocks on the disk; each file once, however many names it has. */
function onDisk(folder: string): Pick<DiskSample, 'diskBytes' | 'spilledBytes'> {
  const seen = new Set<number>()
  let [diskBytes, spilledBytes] = [0, 0]
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const stats = statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })
    if (!stats?.isFile() || seen.has(stats.ino)) continue
    seen.add(stats.ino)
    diskBytes += stats.blocks * 512
    if (entry.name.startsWith('duckdb_temp_')) spilledBytes += stats.blocks * 512
  }
  return { diskBytes, spilledBytes }
}

mkdirSync(cache, { recursive: true })
rmSync(work, { recursive: true, force: true })
mkdirSync(work)
const free = statfsSync(cache)
say(`${rows} rows, ${values.memory}, load ${loadavg()[0]?.toFixed(1)}, ${Math.round((free.bavail * free.bsize) / 1e9)} GB of disk free`)
const db = await openDuckDB({ memoryBytes: 1e9, threads: Number(values.threads), temp: join(cache, 'larger-spill'), preserveOrder: true })
// The table is there already, with a tenth of the keys, when the whole is merged into it.
const tenth = await largerData(db, cache, Math.ceil(rows / 10), rows)
const all = await largerData(db, cache, rows, rows)
const expected = await expectedOf(db, all, rows, rows)
await db.release()
say(`generated: ${Math.round(all.csvBytes / 1e6)} MB of CSV`)
const first = await millraceRun(tenth)
say(`a tenth is merged: ${first.wallSeconds.toFixed(0)} s, ${Math.round(first.peakBytes / 2 ** 20)} MiB`)
const whole = await millraceRun(all)
const verified = await verifyLarger(db, work, expected)
db.close()
const report = {
  machine: { cpu: cpus()[0]?.model, cores: availableParallelism(), memoryBytes: totalmem(), node: process.version },
  ...{ rows, csvBytes: all.csvBytes, memory: values.memory, threads: Number(values.threads), verified },
  ...{ wallSeconds: whole.wallSeconds, peakBytes: whole.peakBytes, diskBytes: whole.diskBytes, spilledBytes: whole.spilledBytes },
  stages: whole.stages,
}
writeFileSync(join(cache, 'larger.json'), `${JSON.stringify(report, null, 2)}\n`)
process.stdout.write(`${[...verified.map((line) => `- ${line}`), '', largerTable(whole)].join('\n')}\n`)
if (!values.keep)
  for (const folder of [work, tenth.folder, all.folder, join(cache, 'larger-spill')]) rmSync(folder, { recursive: true, force: true })
