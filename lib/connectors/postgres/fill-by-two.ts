import type { RunContext } from '../../core/context.ts'
import type { DuckDB } from '../../engines/duckdb.ts'
import type { LoadRequest } from '../warehouse.ts'
import type { Reach } from './attempts.ts'
import { copyRows } from './copy-rows.ts'
import { createFilling, dropFilling, fillingOf, sweepFillings, type Target } from './filling.ts'
import { halvesOf } from './halves.ts'
import type { Backend, LoadSession } from './load-session.ts'
import { endBackend } from './outcome.ts'
import { describeTable } from './tables.ts'
import { inTransaction } from './transaction.ts'
import { releaseTurns, takeTurn } from './turn.ts'
import { type Part, wireFor } from './wire.ts'

/** From how many rows on, and with how much memory, a first load has two connections. */
export interface TwoConnections {
  readonly rows: number
  /** For the engine. */
  readonly memoryBytes: number
}

/** Below 200,000 rows a second connection saves no time; both writers share the engine of one, whose memory was measured down to that of a run of 256 MB. */
export const TWO_CONNECTIONS: TwoConnections = { rows: 200_000, memoryBytes: 190e6 }

/** Whether a load is one that two connections may make, as far as can be known before a server is asked. Only what was never loaded can be new. */
export function worthTwo({ settings, two }: ToFill, { dataset, expected }: LoadRequest, { limits }: Pick<RunContext, 'limits'>): boolean {
  if (expected || limits.threads < 2 || settings.maxConnections < 2) return false
  return dataset.rows >= two.rows && limits.memoryBytes >= two.memoryBytes
}

/** A table that holds the rows of a dataset, all committed, and is not the target's yet. */
export interface Filled {
  readonly filling: string
  readonly rows: number
}

/** Filling a table that is not there, over the attempts of one load. */
export interface Filler {
  /** Before an attempt's transaction. */
  prepare(session: LoadSession): Promise<void>
  /** What the attempt's transaction may adopt; undefined where the rows go into the target itself. */
  filled(): Filled | undefined
  /** After an attempt, whatever came of it. */
  finish(session: LoadSession): Promise<void>
}

/** What filling takes. */
export interface ToFill extends Reach {
  /** The load's connection of the engine. */
  readonly db: DuckDB
  readonly extension: boolean
  readonly two: TwoConnections
}

/**
 * The first load of a table by two connections. PostgreSQL takes one stream of rows with one process, and a load is one transaction of one session; but of a table that is not there nobody can see how it comes to its rows. So two
 * sessions copy half of the dataset each into a table of another name, each in a transaction of its own, which they commit at the same moment; the load's transaction then gives that the target's name, with the token: readers see no
 * table, then all of it. (Of such a table a snapshot older than itself shows the rows that were committed before it: mostly none, all where it was taken between.)
 *
 * From before that table is made until the load's transaction has the turn at the target the first session has it, so that no other load of the target is at work. A load that dies leaves at most that table; whoever has the turn next drops it
 * (`sweepFillings`). An attempt that is made again begins with a new table, after the server processes of the last one's sessions are gone. Where a second session is not to be had, and where the table is there already, nothing is filled.
 */
export function fillerByTwo(target: ToFill, request: LoadRequest, ctx: RunContext): Filler {
  const { settings, open } = target
  const place: Target = { table: request.table, settings }
  let filling: string | undefined
  let filled: Filled | undefined
  let former: Backend | undefined
  let held = false
  return {
    prepare: async (session) => {
      ;[filling, filled] = [undefined, undefined]
      if (former) await endBackend(session, former)
      former = undefined
      const halves = await halvesOf(target.db, request.dataset, ctx.signal)
      if (!halves) return
      let other: LoadSession | undefined
      try {
        const begin = async () => {
          held = true
          await takeTurn({ session, request, ctx }, settings, 'session')
          await sweepFillings(session, place, undefined, ctx)
          if (await describeTable(session, settings.schema, request.table)) return undefined
          // Whatever the reason: one session will do.
          other = await open().catch(() => undefined)
          return other && createFilling(session, place, request.dataset.columns)
        }
        filling = await inTransaction(session, { signal: ctx.signal, open }, begin, () => undefined)
        if (!filling || !other) return await releaseTurns(session)
        former = other.backend
        filled = {
          filling,
          rows: await fill(
            target,
            request,
            fillingOf(settings.schema, filling),
            [
              [session, halves[0]],
              [other, halves[1]],
            ],
            ctx,
          ),
        }
        former = undefined
      } finally {
        await other?.close()
      }
    },
    filled: () => filled,
    finish: async (session) => {
      if (!held) return
      if (former) await endBackend(session, former).catch(() => undefined)
      if (filling) await dropFilling(session, filling, place)
      await releaseTurns(session).catch(() => undefined)
      held = false
    },
  }
}

/** Copies each session's part, side by side, and commits them once all are copied; gives the rows that all took. The first error ends the others, and is thrown once none is at work. */
async function fill(
  { db, extension, open }: ToFill,
  { table, dataset: { columns, files } }: LoadRequest,
  into: string,
  parts: readonly (readonly [session: LoadSession, part: Part])[],
  ctx: RunContext,
): Promise<number> {
  const failed = new AbortController()
  const signal = AbortSignal.any([ctx.signal, failed.signal])
  const copied = Promise.withResolvers<void>()
  copied.promise.catch(() => undefined)
  signal.addEventListener('abort', () => copied.reject(signal.reason), { once: true })
  let copying = parts.length
  const taken = parts.map(async ([session, part]) => {
    const reader = await db.connect()
    try {
      const copy = async () => {
        const rows = { table, columns, files, part, wire: wireFor(columns, extension), into }
        const count = await copyRows(session, reader, rows, { ...ctx, signal })
        if (--copying === 0) copied.resolve()
        await copied.promise
        return count
      }
      return await inTransaction(session, { signal, open }, copy, () => undefined)
    } catch (error) {
      failed.abort(error)
      throw error
    } finally {
      reader.close()
    }
  })
  const ended = await Promise.allSettled(taken)
  signal.throwIfAborted()
  return ended.reduce((sum, each) => sum + (each.status === 'fulfilled' ? each.value : 0), 0)
}
