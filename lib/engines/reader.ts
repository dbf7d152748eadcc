import type { Limits } from '../core/context.ts'
import { PermanentError, TransientError } from '../core/errors.ts'
import { endedAtStart } from '../core/group-signals.ts'
import { cpuMs, residentBytes } from '../core/proc.ts'
import { readerChild, rest } from './launch-reader.ts'
import { crashed, errorOfFault, filesText, placeOf } from './reader-errors.ts'
import type { FromChild, ReaderJob, ReaderResult, ToChild } from './reader-job.ts'

export type { ReaderJob, ReaderResult, ReaderStatement } from './reader-job.ts'

export interface ReaderOptions {
  readonly limits: Pick<Limits, 'memoryBytes' | 'threads' | 'readerMemoryBytes' | 'readerTimeoutMs'>
  /** IANA zone of the sessions. */
  readonly zone: string
  /** A folder for the child's spill, its own. */
  readonly temp: string
  /** Ends the child and every job when it aborts. */
  readonly signal?: AbortSignal
}

/** The one process that parses foreign data: what crashes it, or eats its memory, is not this process. */
export interface Reader {
  /**
   * Runs a job; several may run at once. An aborted signal interrupts the statement and rejects with its reason; only files that the job was
   * writing are left.
   * @throws CheckError for data that cannot be read or converted (its `cause` holds DuckDB's own message) or that crashes the child, ConfigError
   * for SQL that does not bind, PermanentError for what the machine refuses (no such file, memory, time)
   */
  execute(job: ReaderJob, signal?: AbortSignal): Promise<ReaderResult>
  /** CPU time that its processes have taken so far, in milliseconds: what takes none waits for somebody. undefined where the system does not say. */
  cpuMs(): Promise<number | undefined>
  /** Ends the child. Jobs that run are rejected. */
  close(): Promise<void>
}

/** Starts the reader child at once, in parallel with the caller's own work. A child that dies is replaced at the next job. */
export function openReader(options: ReaderOptions): Reader {
  let closed = false
  const children = new Set<Child>()
  const start = (): Child => {
    const child = startChild(options)
    children.add(child)
    void child.ended.then(() => children.delete(child))
    return child
  }
  let current = start()
  // One after the other: jobs whose child died while others ran too, each in a child of its own.
  let alone: Promise<unknown> = Promise.resolve()

  async function execute(job: ReaderJob, signal?: AbortSignal): Promise<ReaderResult> {
    mayRun(signal)
    if (current.dead()) current = start()
    const outcome = await current.run(job, signal)
    if (outcome !== 'again') return outcome
    const turn = alone.then(async () => {
      for (;;) {
        mayRun(signal)
        const child = start()
        try {
          const next = await child.run(job, signal)
          if (next !== 'again') return next
        } finally {
          child.kill()
        }
      }
    })
    alone = turn.catch(() => undefined)
    return turn
  }

  function mayRun(signal: AbortSignal | undefined): void {
    options.signal?.throwIfAborted()
    signal?.throwIfAborted()
    if (closed) throw new Error('the reader is closed')
  }

  const stop = () => {
    for (const child of children) child.kill()
  }
  options.signal?.addEventListener('abort', stop, { once: true })
  return {
    execute: async (job, signal) => {
      try {
        return await execute(job, signal)
      } catch (error) {
        if (signal?.aborted) throw signal.reason
        if (options.signal?.aborted) throw options.signal.reason
        throw error
      }
    },
    cpuMs: async () => {
      const each = [...children].map((child) => child.cpuMs())
      return each.every((ms) => ms !== undefined) ? each.reduce((sum, ms) => sum + ms, 0) : undefined
    },
    close: async () => {
      if (closed) return
      closed = true
      options.signal?.removeEventListener('abort', stop)
      stop()
      await Promise.all([...children].map((child) => child.ended))
    },
  }
}

interface Child {
  /** `again`: the child died while several jobs ran, and which one killed it is not known; or before it had begun. */
  run(job: ReaderJob, signal?: AbortSignal): Promise<ReaderResult | 'again'>
  cpuMs(): number | undefined
  dead(): boolean
  kill(): void
  readonly ended: Promise<void>
}

interface Running {
  readonly job: ReaderJob
  readonly since: number
  resolve(outcome: ReaderResult | 'again'): void
  reject(error: unknown): void
}

const WATCH_MS = 100

/** How long an aborted job may go on before its child is ended; what else ran there is run again. */
const GRACE_MS = 5_000

function startChild(options: ReaderOptions): Child {
  const { limits, zone, temp } = options
  const process_ = readerChild(limits.threads)
  const jobs = new Map<number, Running>()
  let nextId = 1
  let words = ''
  let gone = false
  let stopped = false
  let verdict: ((running: Running) => unknown) | undefined
  let watch: NodeJS.Timeout | undefined

  process_.stderr?.setEncoding('utf8').on('data', (text: string) => {
    words = (words + text).slice(-4000)
  })
  // DuckDB's own limit stays below the child's, so that it spills before it is killed.
  const memoryBytes = Math.min(limits.memoryBytes, Math.floor(limits.readerMemoryBytes * 0.75))
  send({ type: 'start', options: { memoryBytes, threads: limits.threads, temp, zone } })

  function send(message: ToChild): void {
    process_.send(message, () => undefined)
  }

  function settle(id: number): Running | undefined {
    const running = jobs.get(id)
    jobs.delete(id)
    if (jobs.size === 0) idle()
    return running
  }

  function idle(): void {
    clearInterval(watch)
    watch = undefined
    rest(process_)
  }

  function busy(): void {
    process_.ref()
    process_.channel?.ref()
    watch ??= setInterval(look, WATCH_MS)
  }

  function look(): void {
    if (process_.pid !== undefined) tooBig(residentBytes(process_.pid))
    const now = performance.now()
    for (const [id, running] of jobs) {
      if (now - running.since < limits.readerTimeoutMs) continue
      settle(id)
      running.reject(
        new PermanentError(`reading ${filesText(running.job)} took longer than ${limits.readerTimeoutMs / 1000} s`, {
          ...placeOf(running.job),
          hint: 'raise limits.readerTimeout, or split the file',
        }),
      )
      end(() => undefined)
      return
    }
  }

  function tooBig(bytes: number): void {
    if (bytes <= limits.readerMemoryBytes) return
    const mib = (size: number) => `${Math.round(size / 2 ** 20)} MiB`
    end(
      ({ job }) =>
        new PermanentError(`reading ${filesText(job)} took more than ${mib(limits.readerMemoryBytes)} of memory`, {
          ...placeOf(job),
          hint: 'raise --memory or limits.readerMemory, or split the file',
        }),
    )
  }

  function end(why: (running: Running) => unknown): void {
    verdict ??= why
    if (gone) return
    // Held open until its exit has been seen.
    process_.ref()
    process_.kill('SIGKILL')
  }

  process_.on('message', (message: FromChild) => {
    if (message.type === 'memory') return tooBig(message.bytes)
    const running = settle(message.id)
    if (message.type === 'done') return running?.resolve(message.result)
    if (!running) return
    running.reject(errorOfFault(message.fault, running.job))
    // After an internal error the engine refuses all further work.
    if (/^(INTERNAL|FATAL) Error/.test(message.fault.message)) end(() => undefined)
  })

  const ended = new Promise<void>((resolve) => {
    process_.once('error', (error) => {
      words += error.message
      if (process_.pid === undefined) over(null, null)
    })
    process_.once('exit', over)
    function over(code: number | null, signal: NodeJS.Signals | null): void {
      gone = true
      const left = [...jobs.values()]
      jobs.clear()
      clearInterval(watch)
      for (const running of left) {
        const error = verdict?.(running)
        if ((left.length > 1 || endedAtStart(signal)) && !stopped) running.resolve('again')
        else if (error !== undefined) running.reject(error)
        else if (verdict) running.resolve('again')
        else running.reject(crashed(running.job, signal ?? `exit ${code}`, words))
      }
      resolve()
    }
  })
  idle()

  return {
    ended,
    cpuMs: () => (process_.pid === undefined ? undefined : cpuMs(process_.pid)),
    dead: () => gone || process_.killed,
    kill: () => {
      stopped = true
      end(({ job }) => new TransientError(`the reader was stopped while reading ${filesText(job)}`, placeOf(job)))
    },
    run: (job, signal) =>
      new Promise<ReaderResult | 'again'>((resolve, reject) => {
        const id = nextId++
        let grace: NodeJS.Timeout | undefined
        const abort = () => {
          send({ type: 'abort', id })
          // Where it waits inside an extension, for a server that is gone, an interrupt is not heard.
          grace = setTimeout(() => end((running) => (running === mine ? signal?.reason : undefined)), GRACE_MS)
        }
        const done = () => {
          signal?.removeEventListener('abort', abort)
          clearTimeout(grace)
        }
        const mine: Running = {
          job,
          since: performance.now(),
          resolve: (outcome) => {
            done()
            resolve(outcome)
          },
          reject: (error) => {
            done()
            reject(error)
          },
        }
        jobs.set(id, mine)
        busy()
        signal?.addEventListener('abort', abort, { once: true })
        send({ type: 'job', id, job })
      }),
  }
}
