import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import type { ByteStream } from '../../core/byte-stream.ts'
import type { RunContext } from '../../core/context.ts'
import { PermanentError } from '../../core/errors.ts'
import { quoteIdentifier, quoteLiteral } from '../../core/quote.ts'
import type { DuckDB, SqlValues } from '../../engines/duckdb.ts'
import { makeFifo, openFifo } from '../../engines/fifo-source.ts'
import { relationOfFiles } from '../../engines/relation.ts'
import { notTaken } from './kept-rows.ts'
import type { LoadSession } from './load-session.ts'
import { refusedValue } from './refused-value.ts'
import { type Part, type RowsToCopy, type Wire, wireOptions, wireSelect } from './wire.ts'

/**
 * Copies rows into a table, in the session's transaction: DuckDB writes them into a FIFO, PostgreSQL reads them as COPY … FROM STDIN; none is parsed on the way. The end of file is ours: when DuckDB fails, the COPY is
 * failed before the FIFO ends. Gives the rows that both sides counted.
 * @throws CheckError naming table, column and value for one that PostgreSQL refuses; ConfigError for a trigger that leaves rows out; the driver's or the engine's error otherwise
 */
export async function copyRows(session: LoadSession, db: DuckDB, rows: RowsToCopy, ctx: RunContext): Promise<number> {
  const { columns, files, part, wire, into, more = {}, made = false } = rows
  const names = [...Object.keys(columns), ...Object.keys(more)].map(quoteIdentifier).join(', ')
  const parameters = Object.keys(more).map((_, i) => `CAST($m${i} AS VARCHAR)`)
  const values: SqlValues = Object.fromEntries(Object.values(more).map((value, i) => [`m${i}`, value]))
  const select = wireSelect(columns, part?.relation ?? relationOfFiles(columns, files), wire, parameters)
  const options = wireOptions(columns, wire, parameters.length)
  const folder = await mkdtemp(join(ctx.workspace, 'load-'))
  try {
    const path = join(folder, 'rows')
    await makeFifo(path)
    const fifo = await openFifo(path, (to, signal) => db.run(`COPY (${select}) TO ${quoteLiteral(to)} (${options})`, values, signal))
    const stop = () => void fifo.stream.destroy(ctx.signal.reason)
    ctx.signal.addEventListener('abort', stop, { once: true })
    if (ctx.signal.aborted) stop()
    const taking = session.copy(copyInto(into, names, wire, made), (stream) => writeEach(fifo.stream, stream))
    // A server that gives up leaves nobody who reads: the engine is stopped, not left to wait.
    const taken = taking.finally(() => fifo.stream.destroy())
    const [produced, accepted] = await Promise.allSettled([fifo.rows, taken])
    ctx.signal.removeEventListener('abort', stop)
    ctx.signal.throwIfAborted()
    if (accepted.status === 'rejected' && (fifo.stopped() || produced.status === 'fulfilled'))
      throw await refusedValue(inDataset(accepted.reason, part), db, rows)
    if (produced.status === 'rejected') throw await refusedValue(produced.reason, db, rows)
    if (accepted.status === 'rejected') throw accepted.reason
    const [given, took, { table }] = [produced.value, accepted.value, rows]
    if (given !== took)
      throw (
        (await notTaken(session, { table, name: into }, took, given)) ??
        new PermanentError(`PostgreSQL took ${took} rows of ${table} where DuckDB gave ${given}`, { table })
      )
    return took
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/**
 * COPY of these columns (SQL) into a table (quoted). Rows of a table that the transaction has `made` are written as old ones (FREEZE): nobody has to look up and note that their transaction has committed, which the ANALYZE after a
 * load otherwise does for each row that it samples, in half its time and with WAL for each page; nor will a VACUUM. Where a snapshot is older than the table it shows them.
 */
export function copyInto(table: string, columns: string, format: Wire, made: boolean): string {
  return `COPY ${table} (${columns}) FROM STDIN (FORMAT ${format}${made ? ', FREEZE' : ''})`
}

/** The server counts the lines of what it was sent; said are those of the dataset. */
function inDataset(error: unknown, part: Part | undefined): unknown {
  if (!part || !(error instanceof Error && 'where' in error && typeof error.where === 'string')) return error
  const where = error.where.replace(
    /((?:^|\n)COPY .*?, line )(\d+)/s,
    (_, said: string, line: string) => `${said}${part.before + Number(line)}`,
  )
  return Object.assign(error, { where })
}

/** What a socket takes without asking for a pause, and more. */
const SMALL_BYTES = 2 ** 17

/** A chunk as a COPY's stream may have it whose memory is used again once the write is done: when a small one has left for the server nobody says, so that has memory of its own. */
export function lasting(chunk: Uint8Array): Uint8Array {
  return chunk.length < SMALL_BYTES ? Buffer.from(chunk) : chunk
}

/** Writes chunks, each when the one before has left for the server: their memory is used again. An end that comes early fails the COPY. */
async function writeEach(chunks: ByteStream, into: Writable): Promise<void> {
  let failure: { readonly error: unknown } | undefined
  let refuse: (error: unknown) => void = () => undefined
  const ended = finished(into)
  // A stream that fails answers neither the write that is under way nor those that come.
  ended.catch((error: unknown) => {
    failure = { error }
    refuse(error)
  })
  const write = (chunk: Uint8Array) =>
    new Promise<void>((resolve, reject) => {
      if (failure) return reject(failure.error)
      refuse = reject
      into.write(chunk, (error) => (error ? reject(error) : resolve()))
    })
  try {
    for await (const chunk of chunks) await write(lasting(chunk))
    into.end()
  } catch (error) {
    into.destroy(error instanceof Error ? error : new Error(String(error)))
    throw error
  }
  await ended
}
