import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { answerOf } from './children.ts'
import type { Stretch } from './measured.ts'
import { table } from './postgres-report.ts'
import { usageOf } from './processes.ts'

// `node bench/small-exports.ts`: a run whose dataset of ten rows goes into many files, beside DuckDB alone writing as many, with and without fsync of each file and its folder. Options: --exports 1000 --rounds 3.

const FEW = 10

const { values } = parseArgs({ options: { exports: { type: 'string', default: '1000' }, rounds: { type: 'string', default: '3' } } })
const [exports, rounds] = [Number(values.exports), Number(values.rounds)]
const root = resolve(import.meta.dirname, '..')
const work = join(root, '.millrace/bench/small-exports')

/** Milliseconds for each export. */
interface Each {
  readonly wallMs: number
  readonly cpuMs: number
}

async function bare(durable: boolean): Promise<Each> {
  const { message } = await answerOf<Stretch>('./bare-exports-child.ts', {}, { folder: join(work, 'bare'), exports, durable })
  return { wallMs: (message.to - message.from) / exports, cpuMs: (message.cpuSeconds * 1000) / exports }
}

/** A whole run, less one with a few exports: its start and the landing. */
async function ours(): Promise<Each> {
  const [few, many] = [await run(FEW), await run(FEW + exports)]
  return { wallMs: (many.wallMs - few.wallMs) / exports, cpuMs: (many.cpuMs - few.cpuMs) / exports }
}

async function run(count: number): Promise<Each> {
  rmSync(work, { recursive: true, force: true })
  mkdirSync(join(work, 'data'), { recursive: true })
  const rows = Array.from({ length: 10 }, (_, i) => `${i},name ${i},2018-02-04\n`)
  writeFileSync(join(work, 'data/small.csv'), `id,name,day\n${rows.join('')}`)
  const [begun, cpu] = [performance.now(), usageOf(process.pid).cpuSeconds]
  const args = [join(root, 'bin/millrace.js'), 'run', 'many', '--json', '--project', join(import.meta.dirname, 'many-exports')]
  const env = { ...process.env, BENCH_WORK: work, BENCH_EXPORTS: String(count) }
  const [code] = await once(spawn(process.execPath, args, { env, stdio: 'ignore' }), 'exit')
  if (code !== 0) throw new Error(`the run has failed: ${code}`)
  return { wallMs: performance.now() - begun, cpuMs: (usageOf(process.pid).cpuSeconds - cpu) * 1000 }
}

const works = { 'a run': ours, 'DuckDB, durable': () => bare(true), 'DuckDB, not durable': () => bare(false) }
const figures = new Map<string, Each[]>()
for (let round = 1; round <= rounds; round++) {
  // Who goes first changes: whatever drifts in a sitting falls on all.
  const order = Object.entries(works)
  for (const [name, measure] of round % 2 === 1 ? order : order.reverse())
    figures.set(name, [...(figures.get(name) ?? []), await measure()])
  process.stderr.write(`round ${round} of ${rounds}, load ${loadavg()[0]?.toFixed(1)}\n`)
}
rmSync(work, { recursive: true, force: true })

const least = (name: keyof typeof works, what: keyof Each) => Math.min(...(figures.get(name) ?? []).map((each) => each[what]))
const rows = (Object.keys(works) as (keyof typeof works)[]).map((name) => [
  name,
  least(name, 'wallMs').toFixed(2),
  least(name, 'cpuMs').toFixed(2),
])
const overhead = (what: keyof Each) => (least('a run', what) - least('DuckDB, durable', what)).toFixed(2)
process.stdout.write(
  `${table([`${exports} exports of ten rows, each`, 'ms', 'CPU-ms'], [...rows, ['overhead (at most 10)', overhead('wallMs'), overhead('cpuMs')]])}\n`,
)
