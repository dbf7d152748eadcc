import { randomUUID } from 'node:crypto'
import { open, realpath } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { elapsedMs } from '../../core/clock.ts'
import type { RunContext } from '../../core/context.ts'
import { PermanentError, TransientError } from '../../core/errors.ts'
import { type DuckDB, openDuckDB } from '../../engines/duckdb.ts'
import { createFile } from './create.ts'
import { explained, holderOf } from './faults.ts'
import type { Keeper } from './kept.ts'

const WAIT_MS = 60_000
const FIRST_POLL_MS = 100
const LAST_POLL_MS = 1000

export interface OpenOptions {
  /** Absolute path. */
  readonly file: string
  readonly readOnly: boolean
  /** How long to wait while another process holds it. Default 60 s. */
  readonly waitMs?: number
  /** Keeps what is open for the next call; `before` is done when it is closed. */
  readonly kept?: { readonly keeper: Keeper; before(db: DuckDB): Promise<void> }
}

/**
 * Opens the file, works, closes it. One at a time in this process: the file's lock is the process's, a second engine here would pass it and destroy the file. While another process holds it:
 * waits for `waitMs` on the context's clock. A missing file is created unless `readOnly`.
 * @throws TransientError when the file stays held; PermanentError when it is no database of DuckDB's, cannot be opened, or the disk is full
 */
export async function withFile<T>(options: OpenOptions, ctx: RunContext, work: (db: DuckDB) => Promise<T>): Promise<T> {
  const { kept, ...opened } = options
  if (!options.readOnly) await createFile(options.file)
  return alone(await realpath(options.file), ctx.signal, async () => {
    const db = kept?.keeper.take() ?? (await openWaiting(opened, ctx))
    let result: T
    try {
      result = await work(db)
    } catch (error) {
      if (kept) await kept.keeper.drop(db)
      else db.close()
      throw explained(error, options.file)
    }
    if (kept) await kept.keeper.keep(db, kept.before)
    else db.close()
    return result
  })
}

/** Runs `work` when nobody in this process is at the file. */
export async function aloneAt<T>(file: string, work: () => Promise<T>): Promise<T> {
  return alone(await realpath(file), new AbortController().signal, work)
}

async function openWaiting(options: OpenOptions, ctx: RunContext): Promise<DuckDB> {
  const { waitMs = WAIT_MS, ...file } = options
  await requireHeader(options.file).catch((error: unknown) => {
    throw explained(error, options.file)
  })
  const begun = elapsedMs(ctx.clock)
  for (let attempt = 0; ; attempt++) {
    ctx.signal.throwIfAborted()
    try {
      return await openDuckDB({
        ...file,
        memoryBytes: ctx.limits.memoryBytes,
        threads: ctx.limits.threads,
        temp: join(ctx.workspace, `warehouse-${randomUUID()}`),
      })
    } catch (error) {
      const holder = holderOf(error)
      if (holder === undefined) throw explained(error, options.file)
      const waited = elapsedMs(ctx.clock) - begun
      if (waited >= waitMs)
        throw new TransientError(`the warehouse ${options.file} is held by another process${holder.text}`, {
          file: options.file,
          hint: 'close what has it open, then run again',
          cause: error,
        })
      if (attempt === 0)
        ctx.emit({
          type: 'warning',
          stage: 'load',
          message: `waiting for the warehouse ${basename(options.file)}, held by another process${holder.text}`,
        })
      await ctx.clock.sleep(Math.min(FIRST_POLL_MS * 2 ** attempt, LAST_POLL_MS, waitMs - waited), ctx.signal)
    }
  }
}

const HEADER = { at: 8, text: 'DUCK' } as const

/** DuckDB (1.5.5) opens a Parquet, CSV, JSON or SQLite file as well, the first three as a database in memory with one view: what is loaded there is gone. It goes by the name where the content does not say. */
async function requireHeader(file: string): Promise<void> {
  const handle = await open(file)
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEADER.text.length), 0, HEADER.text.length, HEADER.at)
    if (buffer.toString('latin1', 0, bytesRead) === HEADER.text) return
  } finally {
    await handle.close()
  }
  throw new PermanentError(`the warehouse ${file} is no DuckDB file, or damaged: its header is missing`, {
    file,
    hint: `name another file; or, if it was one, it can be rebuilt from what has landed: move ${file} and ${file}.wal away, then run again`,
  })
}

const queues = new Map<string, Promise<unknown>>()

/** Runs `work` after everything that was queued under `key` before; leaves the queue when the signal aborts first. */
async function alone<T>(key: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  const before = queues.get(key) ?? Promise.resolve()
  const mine = before.then(() => {
    signal.throwIfAborted()
    return work()
  })
  const settled = mine.catch(() => {})
  queues.set(key, settled)
  void settled.then(() => {
    if (queues.get(key) === settled) queues.delete(key)
  })
  return mine
}
