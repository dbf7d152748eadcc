import { open } from 'node:fs/promises'
import { flushCompileCache } from 'node:module'
import { join } from 'node:path'
import { rangeHashes } from '../core/range-hashes.ts'
import { type DuckDB, type DuckDBOptions, openDuckDB } from './duckdb.ts'
import { FileFault, runStep } from './file-steps.ts'
import type { FromChild, ReaderFault, ReaderJob, ReaderResult, ReaderStatement, ToChild } from './reader-job.ts'

// The reader child's main file: started by reader.ts over an IPC channel, takes jobs, dies with its parent.

const running = new Map<number, AbortController>()
let opening: Promise<DuckDB> | undefined
/** Of one thread, the caller's: it has nobody to wait for, and small statements end sooner than they would be looked at. */
let single: Promise<DuckDB> | undefined
let given: DuckDBOptions | undefined

// SIGKILL, since a statement in flight would hold a clean exit back.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))
// A terminal, or a machine that stops, sends these to everybody: a parent that finishes what it is at needs its reader.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})

process.on('message', (message: ToChild) => {
  if (message.type === 'start') {
    given = { ...message.options, quiet: message.options.threads > 1 }
    opening = openDuckDB(given)
    // Node itself does so at an exit; this process is killed.
    opening.then(() => flushCompileCache()).catch(() => undefined)
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
    // Idle until the next landing, while the parent's engines are at work.
    if (running.size === 0) for (const engine of [opening, single]) await engine?.then((db) => db.release()).catch(() => undefined)
  }
}

async function run(job: ReaderJob, signal: AbortSignal): Promise<ReaderResult> {
  const found: boolean[] = []
  for (const step of job.steps ?? []) found.push(await runStep(step, signal))
  if (job.arrow?.length) {
    // Loaded only where it is needed: it brings a second engine into the process.
    const { parquetFromArrow } = await import('./arrow.ts')
    for (const { from, to } of job.arrow) await parquetFromArrow(from, to, signal)
  }
  const hashed = job.hash && { hashes: await hashesOf(job.hash, signal) }
  const { before = [], statements = [], meta, after = [] } = job
  if (before.length === 0 && statements.length === 0 && !meta) return { found, rows: [], meta: [], ...hashed }
  const session = await (await engineOf(job)).connect(job.zone)
  try {
    for (const sql of before) await session.run(sql, undefined, signal)
    const rows: number[] = []
    for (const statement of statements)
      rows.push((await runFast(session, statement, signal)) ?? (await session.run(statement.sql, statement.values, signal)))
    return { found, rows, meta: meta ? await session.meta(meta.sql, meta.values, signal) : [], ...hashed }
  } catch (error) {
    throw error instanceof Error && !(error instanceof RangeError) ? new EngineFault(error.message) : error
  } finally {
    for (const sql of after) await session.run(sql).catch(() => undefined)
    session.close()
  }
}

async function hashesOf({ file, lists }: NonNullable<ReaderJob['hash']>, signal: AbortSignal): Promise<readonly string[]> {
  await using opened = await open(file)
  return await rangeHashes(opened, lists, signal)
}

function engineOf(job: ReaderJob): Promise<DuckDB> {
  if (!opening || !given) throw new Error('a job came before the start')
  if (!job.oneThread) return opening
  single ??= openDuckDB({ ...given, threads: 1, quiet: false, temp: join(given.temp, 'single') })
  return single
}

/** The rows of the first of a statement's quicker ways that counts, or undefined where none does. */
async function runFast(session: DuckDB, { fast = [], values }: ReaderStatement, signal: AbortSignal): Promise<number | undefined> {
  for (const way of fast) {
    const rows = await runWay(session, way, values, signal)
    if (rows !== undefined) return rows
  }
  return undefined
}

async function runWay(
  session: DuckDB,
  { sql, proof }: NonNullable<ReaderStatement['fast']>[number],
  values: ReaderStatement['values'],
  signal: AbortSignal,
): Promise<number | undefined> {
  const stop = new AbortController()
  const both = AbortSignal.any([signal, stop.signal])
  const proven = Promise.all(proof.map((step) => runStep(step, both))).then(
    (found) => !found.includes(true),
    () => false,
  )
  void proven.then((holds) => holds || stop.abort(new Error('not proven')))
  try {
    const rows = await session.run(sql, values, both)
    return (await proven) ? rows : undefined
  } catch {
    stop.abort(new Error('the quicker way failed'))
    await proven
    signal.throwIfAborted()
    return undefined
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
