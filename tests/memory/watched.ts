import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { onTestFinished } from 'vitest'
import { sampleRss } from '../../bench/processes.ts'
import type { RunReport } from '../../lib/pipeline/report.ts'
import type { TestProject } from '../kit/project.ts'

const MILLRACE = resolve(import.meta.dirname, '../../bin/millrace.js')
const EVERY_MS = 20

/** A run of the command, seen from outside. */
export interface WatchedRun {
  readonly code: number | null
  readonly report: RunReport
  readonly stderr: string
  /** The highest sum of the resident memory of the command and all processes below it. */
  readonly peakBytes: number
  /** Stages that were at work when an engine was seen to spill: `transform`, `export`. */
  readonly spilled: ReadonlySet<string>
}

/** Runs `millrace run … --json` as a user does, and looks at its processes and its workspace every 20 ms. */
export async function watchedRun(project: TestProject, ...args: readonly string[]): Promise<WatchedRun> {
  const child = spawn(process.execPath, [MILLRACE, 'run', ...args, '--json'], { cwd: project.folder, stdio: ['ignore', 'pipe', 'pipe'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const rss = sampleRss(child.pid ?? 0, EVERY_MS)
  const spilled = new Set<string>()
  const atWork = new Map<string, string>()
  const watch = setInterval(() => {
    if (isSpilling(project.path('.millrace/dev/workspace'))) for (const stage of atWork.values()) spilled.add(stage)
  }, EVERY_MS)
  let [stdout, stderr] = ['', '']
  createInterface({ input: child.stderr }).on('line', (line) => {
    const { stage, phase, dataset, target } = JSON.parse(line) as Readonly<Record<string, string>>
    const name = [stage, dataset, target].join(' ')
    if (phase === 'start') atWork.set(name, stage ?? '')
    else if (phase === 'end') atWork.delete(name)
  })
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const code = await new Promise<number | null>((done) => child.on('close', done))
  rss.stop()
  clearInterval(watch)
  return { code, report: JSON.parse(stdout), stderr, peakBytes: rss.peakBytes(), spilled }
}

/** Whether there are DuckDB's own files of spilled blocks: `<run>/engines/1/duckdb_temp_storage_DEFAULT-0.tmp`. */
function isSpilling(workspaces: string): boolean {
  try {
    return readdirSync(workspaces, { recursive: true, encoding: 'utf8' }).some((name) => /\/duckdb_temp_[^/]*$/.test(name))
  } catch {
    // Files come and go while the folder is read.
    return false
  }
}
