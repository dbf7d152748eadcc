import { once } from 'node:events'
import { constants } from 'node:fs'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { RunContext } from '../../core/context.ts'
import type { Columns } from '../../core/dataset.ts'
import { refusedByDisk } from '../../core/disk-refusal.ts'
import { CheckError, MillraceError, messageOf, PermanentError } from '../../core/errors.ts'
import { quoteIdentifier, quoteLiteral } from '../../core/quote.ts'
import { makeFifo } from '../../engines/fifo-source.ts'
import { casts, fileColumns } from '../../engines/relation.ts'
import type { RowsReceipt, RowsRequest } from '../warehouse.ts'
import { copyRows } from './copy-rows.ts'
import { copyText } from './copy-stream.ts'
import { explained } from './faults.ts'
import { openFifoEnd } from './fifo.ts'
import { requireLoadable } from './fit-table.ts'
import type { LoadTarget } from './load.ts'
import type { LoadSession } from './load-session.ts'
import { ownRows } from './own-rows.ts'
import { isOwnType } from './postgres-types.ts'
import { presentCast } from './present-casts.ts'
import { overFifos, type Selection, serverSelects } from './relation.ts'
import { columnDefinitions, describeTable, type Table } from './tables.ts'
import { inTransaction } from './transaction.ts'
import { wireFor } from './wire.ts'

/** `Warehouse.copyOut` for PostgreSQL: rows come as CSV of one COPY, which sees one state of the table, and DuckDB writes them as Parquet while they come. */
export async function copyOutOf(target: LoadTarget, request: RowsRequest, ctx: RunContext): Promise<RowsReceipt | undefined> {
  const { table } = request
  const { settings, place, open } = target
  ctx.signal.throwIfAborted()
  try {
    const session = await open()
    try {
      const there = await describeTable(session, settings.schema, table)
      if (!there) return undefined
      requireLoadable(there, table)
      const copied = () => copyOut({ ...target, session, there, request }, ctx)
      return await inTransaction(session, { signal: ctx.signal, open }, copied, () => undefined)
    } finally {
      await session.close()
    }
  } catch (error) {
    if (ctx.signal.aborted) throw ctx.signal.reason
    const why = explained(refusedByDisk(error, ctx.workspace), `reading the rows of "${table}" of ${place}`)
    throw why instanceof MillraceError ? why.at({ table }) : why
  }
}

interface Work extends LoadTarget {
  readonly session: LoadSession
  readonly there: Table
  readonly request: RowsRequest
}

async function copyOut(work: Work, ctx: RunContext): Promise<RowsReceipt> {
  const { there, settings, request } = work
  const own = ownRows(`${quoteIdentifier(settings.schema)}.${quoteIdentifier(request.table)}`, there)
  const known = Object.fromEntries(Object.entries(there.columns).map(([name, type]) => [name, isOwnType(type) ? type : 'text']))
  const types = { ...known, _partition: 'text' }
  const each = Object.entries(types).map(([name, type]) => presentCast(name, type))
  const select = (await conditions(work, ctx))
    .flatMap((where) => serverSelects(selection(each, { from: `FROM ${own} AS q`, where })))
    .join(' UNION ALL ')
  return { columns: there.columns, rows: await writeRows(work, { select, casts: each, types }, ctx) }
}

function selection(casts: Selection['casts'], rows: Pick<Selection['rows'], 'from' | 'where'>): Selection {
  return { casts, rows: { ...rows, cut: true }, parts: [''] }
}

/** What is asked for, as conditions on `q`, of which no row meets two. Keys go beside the table, for the transaction. */
async function conditions(work: Work, ctx: RunContext): Promise<readonly (readonly string[])[]> {
  const { partition, keys } = work.request
  const its = `q._partition = ${quoteLiteral(partition ?? '')}`
  if (!keys) return [partition === undefined ? [] : [its]]
  const keyed = await keyCondition(work, keys, ctx)
  const others = partition === undefined ? [] : [`(${its}) IS NOT TRUE`]
  return [[partition === undefined ? 'false' : its], ...(keyed === undefined ? [] : [[...others, keyed]])]
}

async function keyCondition(
  { session, db, there, extension, request: { table } }: Work,
  { columns, files }: NonNullable<RowsRequest['keys']>,
  ctx: RunContext,
): Promise<string | undefined> {
  if (Object.entries(columns).some(([name, type]) => there.columns[name] !== type)) return undefined
  await session.query(`CREATE TEMPORARY TABLE millrace_keys (${columnDefinitions(columns).join(', ')}) ON COMMIT DROP`)
  await copyRows(session, db, { table, columns, files, wire: wireFor(columns, extension), into: 'pg_temp.millrace_keys' }, ctx)
  await session.query('ANALYZE pg_temp.millrace_keys')
  const same = Object.keys(columns).map((name) => `q.${quoteIdentifier(name)} = k.${quoteIdentifier(name)}`)
  return `EXISTS (SELECT FROM pg_temp.millrace_keys AS k WHERE ${same.join(' AND ')})`
}

interface Writing extends Pick<Selection, 'casts'> {
  /** Of the server. */
  readonly select: string
  /** Of the file. */
  readonly types: Columns
}

/** The FIFO's end means nothing: what counts is that both sides have ended well and counted the same rows. Of a fault the other side hears before the FIFO closes. */
async function writeRows({ session, db, request: { table, path } }: Work, as: Writing, ctx: RunContext): Promise<number> {
  const folder = await mkdtemp(join(ctx.workspace, 'present-'))
  const fifo = join(folder, 'rows')
  const stop = new AbortController()
  const signal = AbortSignal.any([ctx.signal, stop.signal])
  const failed = (error: unknown): never => {
    stop.abort(error)
    throw error
  }
  try {
    await makeFifo(fifo)
    const relation = overFifos(selection(as.casts, { from: '', where: [] }), [fifo])
    const copy = `COPY (SELECT ${casts(fileColumns(as.types))} FROM (${relation})) TO ${quoteLiteral(path)} (FORMAT parquet)`
    const writing = db.run(copy, undefined, signal)
    void letGo(fifo, writing, signal)
    const [written, sent] = await Promise.allSettled([
      writing.catch((error: unknown) => failed(explainedValue(error, table))),
      sendRows(session, as.select, fifo, { ...ctx, signal }).catch(failed),
    ])
    ctx.signal.throwIfAborted()
    if (written.status === 'rejected' || sent.status === 'rejected') throw stop.signal.reason
    if (written.value !== sent.value)
      throw new PermanentError(`PostgreSQL gave ${sent.value} rows of "${table}" and ${written.value} have arrived`, { table })
    return written.value
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const LOOK_MS = 20

/** After a stop, until DuckDB has ended: it may be waiting to open a FIFO that nobody will write into, where no interrupt reaches it. Does not reject. */
async function letGo(path: string, writing: Promise<unknown>, signal: AbortSignal): Promise<void> {
  let ended = false
  const end = () => {
    ended = true
  }
  writing.then(end, end)
  // A signal that is aborted before has refused the statement.
  await Promise.race([once(signal, 'abort'), writing.catch(() => undefined)])
  while (!ended) {
    await open(path, constants.O_WRONLY | constants.O_NONBLOCK).then(
      (file) => file.close(),
      () => undefined,
    )
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
  }
}

async function sendRows(session: LoadSession, select: string, path: string, ctx: RunContext): Promise<number> {
  const fifo = await openFifoEnd(path, ctx.signal)
  const rows = await session.copyOut(copyText(select), fifo, ctx)
  await fifo.close()
  return rows
}

/** No load writes what does not come back. */
function explainedValue(error: unknown, table: string): unknown {
  const [said = ''] = messageOf(error).split('\n')
  if (!/^(Conversion|Invalid Input) Error/.test(said)) return error
  return new CheckError(`a value of "${table}" cannot be compared: ${said}`, {
    table,
    hint: 'somebody else has written it: mend it, or load its partition again with --force',
    cause: error,
  })
}
