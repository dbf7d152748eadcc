import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { LAUNCHER, type TortureProject } from './project.ts'
import type { Step } from './scenario.ts'

/** A line of the run's log. */
export interface LogEvent {
  readonly msg: string
  readonly stage?: string
  readonly phase?: 'start' | 'end'
  readonly partition?: string
  readonly dataset?: string
  readonly target?: string
  readonly outcome?: string
  readonly ms?: number
}

/** When a run is killed: some time after it began, or after the nth start (from 1) of a stage. */
export type KillPlan = { readonly afterMs: number } | { readonly stage: string; readonly nth: number; readonly delayMs: number }

export interface RunOptions {
  readonly kill?: KillPlan
  /** SIGKILL for one of the processes below the run each, by where it stands among them. */
  readonly strikes?: readonly { readonly afterMs: number; readonly nth: number }[]
  /** Modules that Node imports before the launcher. */
  readonly preload?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** In place of `run sales` with the step's arguments. */
  readonly args?: readonly string[]
  /** Another run is at work in the project: processes that stay are its. */
  readonly shares?: boolean
  /** The run has a process group of its own, and signals go to all of it: as when a machine stops. Else to its first process alone. */
  readonly group?: boolean
}

/** A run that has ended, one way or the other. */
export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
  readonly events: readonly LogEvent[]
  readonly ms: number
  /** Stages that had started and not ended when the process did: `load 2024-01-01 sale sale`. */
  readonly within: readonly string[]
  /** How long after the process some child of it was still there; undefined: longer than PATIENCE_MS. */
  readonly orphanMs: number | undefined
}

/** A run that is at work. */
export interface Running {
  readonly process: ChildProcess
  readonly events: readonly LogEvent[]
  /** Resolves at the nth event that fits; rejects when the run ends before. */
  event(fits: (event: LogEvent) => boolean, nth?: number): Promise<LogEvent>
  readonly ended: Promise<Ended>
  /** Sends a signal; a run that has ended takes none. */
  signal(name: NodeJS.Signals): void
}

const PATIENCE_MS = 5_000

/** Starts `millrace run` as a user does, in a process of its own. */
export function startRun(project: Pick<TortureProject, 'folder'>, step: Pick<Step, 'now' | 'args'>, options: RunOptions = {}): Running {
  const begun = performance.now()
  const imports = (options.preload ?? []).flatMap((file) => ['--import', file])
  const child = spawn(process.execPath, [...imports, LAUNCHER, ...(options.args ?? ['run', 'sales', ...step.args])], {
    cwd: project.folder,
    env: { ...process.env, NO_COLOR: '1', MILLRACE_LOG: 'json', TORTURE_NOW: step.now, UV_THREADPOOL_SIZE: '16', ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: options.group ?? false,
  })
  const signal = (name: NodeJS.Signals) => {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
    if (options.group) process.kill(-child.pid, name)
    else child.kill(name)
  }
  const events: LogEvent[] = []
  const listeners = new Set<(event: LogEvent) => void>()
  let [stdout, stderr, rest] = ['', '', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      const event = eventOf(line)
      if (event) {
        events.push(event)
        for (const listener of listeners) listener(event)
      } else stderr += `${line}\n`
    }
  })
  const { kill } = options
  const strike = (ms: number) => void setTimeout(() => signal('SIGKILL'), ms)
  if (kill && 'afterMs' in kill) strike(kill.afterMs)
  const strikes = (options.strikes ?? []).map(({ afterMs, nth }) =>
    setTimeout(() => {
      const below = processesIn(project.folder).filter((pid) => pid !== child.pid)
      const pid = below[nth % below.length]
      if (pid !== undefined) killProcess(pid)
    }, afterMs),
  )
  const closed = new Promise<[code: number | null, signal: NodeJS.Signals | null]>((done, failed) => {
    child.on('error', failed)
    child.on('close', (code, signal) => {
      strikes.forEach(clearTimeout)
      done([code, signal])
    })
  })
  const event = (fits: (event: LogEvent) => boolean, nth = 1) =>
    new Promise<LogEvent>((done, failed) => {
      let left = nth
      const look = (each: LogEvent) => {
        if (!fits(each) || --left > 0) return
        listeners.delete(look)
        done(each)
      }
      events.forEach(look)
      if (left > 0) listeners.add(look)
      closed.then(() => failed(new Error(`the run ended before the event came:\n${stderr}${stdout}`)), failed)
    })
  if (kill && 'stage' in kill)
    event(({ stage, phase }) => stage === kill.stage && phase === 'start', kill.nth).then(
      () => strike(kill.delayMs),
      () => undefined,
    )
  const ended = closed.then(async ([code, signal]) => ({
    ...{ code, signal, stdout, stderr: stderr + rest, events, ms: performance.now() - begun },
    ...{ within: openStages(events), orphanMs: options.shares ? 0 : await orphansGone(project.folder) },
  }))
  return { process: child, events, event, ended, signal }
}

/** Runs to the end, whatever that is. */
export function runStep(
  project: Pick<TortureProject, 'folder'>,
  step: Pick<Step, 'now' | 'args'>,
  options: RunOptions = {},
): Promise<Ended> {
  return startRun(project, step, options).ended
}

function eventOf(line: string): LogEvent | undefined {
  if (!line.startsWith('{"level"')) return undefined
  try {
    return JSON.parse(line) as LogEvent
  } catch {
    return undefined
  }
}

function openStages(events: readonly LogEvent[]): string[] {
  const open = new Set<string>()
  for (const { stage, phase, partition, dataset, target } of events) {
    const name = [stage, partition ?? '-', dataset, target].filter((each) => each !== undefined).join(' ')
    if (phase === 'start') open.add(name)
    else if (phase === 'end') open.delete(name)
  }
  return [...open]
}

/** Waits until no process works in the project's folder, where each of its processes does; gives how long that took. */
async function orphansGone(folder: string): Promise<number | undefined> {
  const begun = performance.now()
  while (processesIn(folder).length > 0) {
    if (performance.now() - begun > PATIENCE_MS) return undefined
    await sleep(20)
  }
  return performance.now() - begun
}

/** SIGKILL; nothing where it has ended by itself. */
export function killProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It is gone.
  }
}

/** Ids of the processes whose working folder is `folder`, by /proc: while one dies, any thread that is left still holds its locks. */
export function processesIn(folder: string): number[] {
  return readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) && worksIn(folder, join('/proc', name)) ? [Number(name)] : []))
}

function worksIn(folder: string, process: string): boolean {
  try {
    return readlinkSync(join(process, 'cwd')) === folder
  } catch {
    return threadsOf(process).some((thread) => cwdOf(thread) === folder)
  }
}

function threadsOf(process: string): string[] {
  try {
    return readdirSync(join(process, 'task')).map((thread) => join(process, 'task', thread))
  } catch {
    return []
  }
}

function cwdOf(thread: string): string | undefined {
  try {
    return readlinkSync(join(thread, 'cwd'))
  } catch {
    // It has ended.
    return undefined
  }
}
