import type { Writable } from 'node:stream'
import type { RunContext } from '../../core/context.ts'
import { ConfigError, PermanentError, TransientError } from '../../core/errors.ts'
import { quoteIdentifier } from '../../core/quote.ts'
import type { Frames, Sent } from '../frames.ts'
import type { ReceiveReceipt, ReceiveRequest } from '../warehouse.ts'
import { loadInAttempts, type Reach } from './attempts.ts'
import { copyInto, lasting } from './copy-rows.ts'
import { sweepFillings } from './filling.ts'
import { requireLoadable } from './fit-table.ts'
import { createFrameTable, fitFrameTable, requireSameMeaning } from './frame-tables.ts'
import { buildIndexes } from './indexes.ts'
import { notTaken } from './kept-rows.ts'
import { COPY_BINARY } from './known.ts'
import { buildKeys, makeRoom, refuseOthersRows, requireToken, type Turn } from './load-rows.ts'
import type { LoadSession } from './load-session.ts'
import { addOwnColumns, hasDefaults, ownDefaults, setDefaults, setOwnValues, valuesThemselves } from './own-values.ts'
import { checkNames, describeTable } from './tables.ts'
import { forgetTokens } from './tokens.ts'
import { takeTurn } from './turn.ts'

/** `Warehouse.receive` for PostgreSQL: binary COPY of another server goes into COPY … FROM STDIN as it comes. */
export async function receiveFrames(reach: Reach, request: ReceiveRequest, frames: Frames, ctx: RunContext): Promise<ReceiveReceipt> {
  const { table, dataset } = request
  if (frames.format !== COPY_BINARY) throw new ConfigError(`a postgres warehouse takes ${COPY_BINARY}, not ${frames.format}`, { table })
  checkNames(table, Object.fromEntries(frames.columns.map((column) => [column.name, column.type])))
  const name = `${quoteIdentifier(reach.settings.schema)}.${quoteIdentifier(table)}`
  return loadInAttempts(
    reach,
    {
      table,
      dataset,
      prepare: (session) => prepare(session, reach, name, request),
      write: async (session) => {
        const receipt = await writeFrames({ session, name, request, ctx }, reach, request, frames)
        const token = request.token()
        return token ? { receipt, token } : { receipt: { ...receipt, removed: 0, added: [], unchanged: true }, token }
      },
      explain: (error) => error,
    },
    ctx,
  )
}

/** Its own transaction, since readers wait for it. */
async function prepare(session: LoadSession, { settings }: Reach, name: string, request: ReceiveRequest): Promise<void> {
  const own = ownDefaults(request)
  const existing = await describeTable(session, settings.schema, request.table)
  if (existing) requireLoadable(existing, request.table)
  if (existing && !(await hasDefaults(session, name, own))) await setDefaults(session, name, own)
}

async function writeFrames(turn: Turn, { settings }: Reach, request: ReceiveRequest, frames: Frames): Promise<ReceiveReceipt> {
  const { session, name, ctx } = turn
  const { table, place, expected, load, dataset } = request
  await takeTurn(turn, settings)
  await sweepFillings(session, { table, settings }, undefined, ctx)
  const existing = await describeTable(session, settings.schema, table)
  if (!existing) await forgetTokens(session, settings.schema, table)
  await requireToken(session, settings, place, expected)
  await refuseOthersRows(turn, settings, place)
  await requireSameMeaning(session, frames)
  const names = frames.columns.map((column) => column.name)
  if (existing) requireLoadable(existing, table, names)
  const added = existing ? await fitFrameTable(session, name, { schema: settings.schema, table }, existing, frames) : []
  if (!existing) await createFrameTable(session, name, frames)
  else if (!(await hasDefaults(session, name, ownDefaults(request))))
    throw new TransientError(`"${table}" was changed while it was to be loaded`, { table, hint: 'run again' })
  const { removed, indexes } = existing ? await makeRoom(turn, settings, existing, place.partition) : { removed: 0, indexes: [] }
  await setOwnValues(session, place.partition, load)
  const { sent, taken } = await copyFrames(session, copyInto(name, names.map(quoteIdentifier).join(', '), 'binary', !existing), frames, ctx)
  if (sent.rows !== taken)
    throw (
      (await notTaken(session, { table, name }, taken, sent.rows)) ??
      new PermanentError(`"${table}" took ${taken} rows where ${frames.what} sent ${sent.rows}`, { table, dataset })
    )
  if (!existing) await addOwnColumns(session, name, valuesThemselves(place.partition, load), ownDefaults(request))
  if (existing) await buildIndexes(session, indexes)
  else await buildKeys(session, name, request)
  ctx.signal.throwIfAborted()
  return { ...sent, removed, added, unchanged: false }
}

/** The end is ours to say: when the sender fails, the COPY is failed, whatever has come of it. */
async function copyFrames(session: LoadSession, copy: string, frames: Frames, { signal }: RunContext) {
  let sent: Sent | undefined
  const taken = await session.copy(copy, async (into) => {
    const sink = sinkOf(into)
    try {
      sent = await frames.send(sink.write, signal)
    } catch (error) {
      await sink.fail(error)
      throw error
    }
    await sink.end()
  })
  if (!sent) throw new RangeError('a COPY has ended before its rows')
  return { sent, taken }
}

/** A COPY's stream, of which nothing may be asked any more once it has failed. */
function sinkOf(into: Writable) {
  let failure: Error | undefined
  let waiting: (() => void) | undefined
  const wake = () => {
    waiting?.()
    waiting = undefined
  }
  into.on('error', (error) => {
    failure ??= error
    wake()
  })
  into.on('finish', wake).on('close', wake)
  const woken = async (): Promise<void> => {
    if (!failure)
      await new Promise<void>((resolve) => {
        waiting = resolve
      })
    if (failure) throw failure
  }
  return {
    /** Resolves once the chunk has left for the server: its memory is used again. */
    write: async (chunk: Uint8Array): Promise<void> => {
      if (failure) throw failure
      let left = false
      into.write(lasting(chunk), () => {
        left = true
        wake()
      })
      while (!left) await woken()
    },
    /** Resolves once the server has taken all. */
    end: async (): Promise<void> => {
      if (failure) throw failure
      into.end()
      while (!into.writableFinished) await woken()
    },
    /** Fails the COPY; resolves when the server knows. */
    fail: async (why: unknown): Promise<void> => {
      if (failure || into.closed) return
      const closed = new Promise<void>((resolve) => into.once('close', resolve))
      into.destroy(why instanceof Error ? why : new Error(String(why)))
      await closed
    },
  }
}
