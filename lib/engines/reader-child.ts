import { type DuckDB, openDuckDB } from './duckdb.ts'
import { FileFault, runStep } from './file-steps.ts'
import type { FromChild, ReaderFault, ReaderJob, ReaderResult, ToChild } from './reader-job.ts'

// The reader child's main file: started by reader.ts over an IPC channel, takes jobs, dies with its parent.

const running = new Map<number, AbortController>()
let opening: Promise<DuckDB> | undefined

// SIGKILL, since a statement in flight would hold a clean exit back.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))

process.on('message', (message: ToChild) => {
  if (message.type === 'start') {
    opening = openDuckDB(message.options)
    opening.catch(() => undefined)
  } else if (message.type === 'abort') running.get(message.id)?.abort(new Error('aborted'))
  else void answer(message.id, message.job)
})

if (process.platform !== 'linux') {
  setInterval(() => send({ type: 'memory', bytes: process.memoryUsage.rss() }), 100).unref()
}

async function answer(id: number, job: ReaderJob): Promise<void> {
  const controller = new AbortController()
  running.set(id, controller)
  try {
    send({ type: 'done', id, result: await run(job, controller.signal) })
  } catch (error) {
    send({ type: 'failed', id, fault: faultOf(error) })
  } finally {
    running.delete(id)
  }
}

async function run(job: ReaderJob, signal: AbortSignal): Promise<ReaderResult> {
  for (const step of job.steps ?? []) await runStep(step, signal)
  if (job.arrow?.length) {
    // Loaded only where it is needed: it brings a second engine into the process.
    const { parquetFromArrow } = await import('./arrow.ts')
    for (const { from, to } of job.arrow) await parquetFromArrow(from, to, signal)
  }
  const { before = [], statements = [], meta } = job
  if (before.length === 0 && statements.length === 0 && !meta) return { rows: [], meta: [] }
  if (!opening) throw new Error('a job came before the start')
  const session = await (await opening).connect(job.zone)
  try {
    for (const sql of before) await session.run(sql, undefined, signal)
    const rows: number[] = []
    for (const { sql, values } of statements) rows.push(await session.run(sql, values, signal))
    return { rows, meta: meta ? await session.meta(meta.sql, meta.values, signal) : [] }
  } catch (error) {
    throw error instanceof Error && !(error instanceof RangeError) ? new EngineFault(error.message) : error
  } finally {
    session.close()
  }
}

/** DuckDB's own error: its message is all that it has. */
class EngineFault extends Error {}

function faultOf(error: unknown): ReaderFault {
  if (error instanceof FileFault) {
    const { message, file, column } = error
    return { kind: 'data', message, file, ...(column !== undefined && { column }) }
  }
  if (!(error instanceof Error)) return { kind: 'bug', message: String(error) }
  if (error instanceof EngineFault) return { kind: 'engine', message: error.message }
  return { kind: 'bug', message: error.message, ...(error.stack !== undefined && { stack: error.stack }) }
}

function send(message: FromChild): void {
  if (process.connected) process.send?.(message, () => undefined)
}
