import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { median } from './measured.ts'
import { usageOf } from './processes.ts'

// `node bench/start.ts [runs]`: what a start costs, whole processes; `make bench` runs it too.

/** One command over several runs. */
export interface StartFigures {
  readonly what: string
  /** Median and least, from spawn to exit or to what `what` says. */
  readonly wallMs: number
  readonly leastMs: number
  /** Mean of all runs; of the whole process, whatever `wallMs` ends at. */
  readonly cpuMs: number
  readonly targetMs: number | null
}

interface Command {
  readonly what: string
  readonly args: readonly string[]
  readonly env?: NodeJS.ProcessEnv
  /** A line of standard error that ends the measurement. */
  readonly until?: RegExp
  readonly targetMs?: number
}

const ROOT = resolve(import.meta.dirname, '..')
const MILLRACE = join(ROOT, 'bin/millrace.js')
const SHIPPED = ['quakes', 'weather', 'flights', 'rentals']

/** Runs every command so often, one after the other, round by round. */
export async function measureStart(runs = 15): Promise<readonly StartFigures[]> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-start-'))
  try {
    mkdirSync(join(folder, 'data'))
    writeFileSync(join(folder, 'data/row.csv'), 'id,name,at\n1,first,2024-01-01T00:00:00Z\n')
    const one = [MILLRACE, 'run', 'one', '--json', '--project', join(import.meta.dirname, 'one')]
    const env = { BENCH_WORK: folder }
    const commands: readonly Command[] = [
      { what: 'node alone', args: ['--eval', '0'] },
      { what: 'millrace --version', args: [MILLRACE, '--version'] },
      ...SHIPPED.map((name) => ({ what: `millrace plan ${name}`, args: [MILLRACE, 'plan', name, '--frozen'], targetMs: 300 })),
      {
        what: 'start → first landed row',
        args: one,
        env,
        until: /"stage":"land".*"phase":"end"|"phase":"end".*"stage":"land"/,
        targetMs: 350,
      },
      { what: 'start → row in the warehouse, and exit', args: one, env },
    ]
    const walls = new Map<string, number[]>()
    const cpus = new Map<string, number>()
    // The first round fills the compile cache and counts for nothing.
    for (let run = 0; run <= runs; run++)
      for (const command of commands) {
        for (const name of ['landing', 'state', 'export', 'warehouse.duckdb']) rmSync(join(folder, name), { recursive: true, force: true })
        const cpu = usageOf(process.pid).cpuSeconds
        const wall = await wallMsOf(command)
        if (run === 0) continue
        walls.set(command.what, [...(walls.get(command.what) ?? []), wall])
        cpus.set(command.what, (cpus.get(command.what) ?? 0) + usageOf(process.pid).cpuSeconds - cpu)
      }
    return commands.map(({ what, targetMs }) => ({
      what,
      wallMs: median(walls.get(what) ?? []),
      leastMs: Math.min(...(walls.get(what) ?? [])),
      cpuMs: ((cpus.get(what) ?? 0) * 1000) / runs,
      targetMs: targetMs ?? null,
    }))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function wallMsOf({ what, args, env, until }: Command): Promise<number> {
  const begun = performance.now()
  const child = spawn(process.execPath, [...args], { cwd: ROOT, env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'pipe'] })
  let words = ''
  let seen: number | undefined
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    words += text
    if (until && seen === undefined && words.split('\n').some((line) => until.test(line))) seen = performance.now() - begun
  })
  const [code] = await once(child, 'close')
  if (code !== 0 || (until && seen === undefined)) throw new Error(`${what} failed (${code}): ${words}`)
  return seen ?? performance.now() - begun
}

/** The figures as a Markdown table. */
export function startTable(figures: readonly StartFigures[]): string {
  const rows = figures.map(({ what, wallMs, leastMs, cpuMs, targetMs }) => [
    what,
    wallMs.toFixed(0),
    leastMs.toFixed(0),
    cpuMs.toFixed(0),
    targetMs === null ? '' : `≤ ${targetMs}: ${wallMs <= targetMs ? 'held' : 'missed'}`,
  ])
  const head = ['start', 'median ms', 'least', 'CPU ms', 'target']
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n')
}

if (import.meta.main) {
  const runs = Number(process.argv[2] ?? 15)
  process.stdout.write(`${runs} runs, load ${loadavg()[0]?.toFixed(1)}\n\n${startTable(await measureStart(runs))}\n`)
}
