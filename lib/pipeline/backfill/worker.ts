import { type ChildProcess, fork } from 'node:child_process'
import { Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { RunEvent } from '../../core/context.ts'
import { errorData, errorFromData } from '../../core/error-data.ts'
import type { MillraceError } from '../../core/errors.ts'
import type { Desk } from './desk.ts'
import { type Ended, type FromWorker, fromWorker, type Job, type Start, type ToWorker } from './messages.ts'

/** How a process has come to its end, unasked. */
export interface Death {
  /** `SIGKILL`, `exit 1`. */
  readonly how: string
  /** The last that it said to standard error. */
  readonly words: string
  /** Why it is memory that it came to its end by; absent: it may be anything. */
  readonly memory?: string
}

/** A process of its own that runs partitions. */
export interface Worker {
  readonly pid: number | undefined
  /** It is gone, whatever it was of. */
  dead(): boolean
  /** Runs one partition; one at a time. Gives its death where it dies meanwhile. @throws what kept it from beginning */
  run(job: Job): Promise<Ended | Death>
  /** What it does is stopped; what it does not stop in time it does not end. */
  abort(): void
  /** Ends it. What it has asked for is answered first, so that nothing that it made is taken away from under a load. */
  close(): Promise<void>
}

export interface WorkerOptions {
  readonly start: Start
  /** What the pipeline must be, as `codeOf` says. */
  readonly code: string
  readonly desk: Desk
  begun(partition: string): void
  event(event: RunEvent, partition: string | undefined): void
  /** What the worker's pipeline is not the parent's. */
  changed(): MillraceError
}

/** How long an aborted worker may take, and one that is closed, before it is killed. */
const GRACE_MS = 10_000

export function startWorker({ start, code, desk, begun, event, changed }: WorkerOptions): Worker {
  const child = launch(start)
  let words = ''
  let running: { resolve(outcome: Ended | Death): void; reject(error: unknown): void } | undefined
  let grace: NodeJS.Timeout | undefined
  const ready = Promise.withResolvers<void>()
  ready.promise.catch(() => undefined)
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    words = (words + text).slice(-4000)
  })
  if (child.stderr instanceof Socket) child.stderr.unref()

  const send = (message: ToWorker) => {
    if (child.connected) child.send(message, () => undefined)
  }
  const settle = () => {
    const mine = running
    running = undefined
    return mine
  }
  const dead = () => child.exitCode !== null || child.signalCode !== null
  const kill = () => void child.kill('SIGKILL')
  const graceful = () => {
    grace ??= setTimeout(kill, GRACE_MS)
  }

  const take = (message: FromWorker): void => {
    switch (message.type) {
      case 'ready':
        if (message.code === code) ready.resolve()
        else ready.reject(changed())
        break
      case 'unready':
        ready.reject(errorFromData(message.error))
        break
      case 'begun':
        begun(message.partition)
        break
      case 'event':
        event(message.event, message.partition)
        break
      case 'ended':
        settle()?.resolve(message)
        break
      case 'call':
        void answer(message)
    }
  }
  const answer = async ({ id, call, asked }: Extract<FromWorker, { type: 'call' }>) => {
    try {
      send({ type: 'answer', id, value: await desk.answer(call, asked) })
    } catch (error) {
      send({ type: 'refused', id, error: errorData(error) })
    }
  }
  child.on('message', (received) => {
    try {
      take(fromWorker.parse(received))
    } catch (error) {
      words += `\n${error instanceof Error ? error.message : error}`
      kill()
    }
  })

  const gone = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      words += error.message
      if (child.pid === undefined) over(null, null)
    })
    child.once('exit', over)
    function over(exit: number | null, signal: NodeJS.Signals | null): void {
      clearTimeout(grace)
      const death = { how: signal ?? `exit ${exit}`, words: words.trim() }
      ready.reject(new DiedAtStart(death))
      settle()?.resolve(death)
      void desk.close().then(resolve)
    }
  })
  send(start)

  return {
    pid: child.pid,
    dead,
    run: (job) =>
      new Promise((resolve, reject) => {
        ready.promise.then(
          () => {
            running = { resolve, reject }
            if (dead()) settle()?.resolve({ how: child.signalCode ?? `exit ${child.exitCode}`, words: words.trim() })
            else send(job)
          },
          (error: unknown) => (error instanceof DiedAtStart ? resolve(error.death) : reject(error)),
        )
      }),
    abort: () => {
      send({ type: 'abort' })
      graceful()
    },
    close: async () => {
      send({ type: 'close' })
      graceful()
      await gone
    },
  }
}

class DiedAtStart extends Error {
  readonly death: Death
  constructor(death: Death) {
    super(`the worker died before it had begun (${death.how})`)
    this.death = death
  }
}

/** With this process's environment, in which secrets are looked up: no argument holds one. */
function launch({ limits }: Start): ChildProcess {
  const file = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? './worker-child.ts' : './worker-child.js', import.meta.url))
  const threads = String(limits.threads)
  return fork(file, [], {
    execArgv: [],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    env: { ...process.env, POLARS_MAX_THREADS: threads },
  })
}
