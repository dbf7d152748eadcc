import { randomUUID } from 'node:crypto'
import type { RunContext } from '../../core/context.ts'
import { MillraceError, messageOf, TransientError } from '../../core/errors.ts'
import { quoteIdentifier } from '../../core/quote.ts'
import { retrying } from '../../core/retry.ts'
import type { Token } from '../warehouse.ts'
import { ConnectionLost, explained } from './faults.ts'
import { type Backend, isLost, type LoadSession } from './load-session.ts'
import type { Settings } from './options.ts'
import { endBackend, settledOutcome } from './outcome.ts'
import { createTokens, isCommitted, writeToken } from './tokens.ts'
import { inTransaction } from './transaction.ts'

/** How a load reaches its server. */
export interface Reach {
  readonly settings: Settings
  /** Database, host and port, for messages. */
  readonly place: string
  open(): Promise<LoadSession>
}

/** What a load has written, and the token that goes with it; without one nothing of it is kept. */
export interface Written<T> {
  readonly receipt: T
  readonly token: Token | undefined
}

/** One load, as attempts make it. */
export interface Attempt<T> {
  readonly table: string
  readonly dataset: string
  /** Before the transaction, each time. */
  prepare?(session: LoadSession): Promise<void>
  /** Inside of it: everything but the token. */
  write(session: LoadSession): Promise<Written<T>>
  /** After the transaction, each time, whatever came of it. */
  finish?(session: LoadSession): Promise<void>
  /** What an error that was not foreseen means. */
  explain(error: unknown): unknown
}

/**
 * Makes one load's attempts. All that is visible changes in one transaction of one session. An attempt that a lost connection or a busy server has ended is made again: nothing of it is
 * there. When the reply to COMMIT is lost, the token says what has happened.
 * @throws what `write` throws, explained and placed at table and dataset; the signal's reason
 */
export async function loadInAttempts<T>(reach: Reach, attempt: Attempt<T>, ctx: RunContext): Promise<T> {
  const { table, dataset } = attempt
  const explain = (error: unknown): unknown => {
    if (ctx.signal.aborted && error === ctx.signal.reason) return error
    const why = explained(attempt.explain(error), `loading "${table}" into ${reach.place}`)
    return why instanceof MillraceError ? why.at({ table, dataset }) : why
  }
  try {
    const former: { backend?: Backend } = {}
    const outcome = await retrying(ctx, { stage: 'load', dataset, retries: reach.settings.retries }, async () => {
      try {
        return { receipt: await attemptOnce(reach, attempt, ctx, former) }
      } catch (error) {
        ctx.signal.throwIfAborted()
        const why = explain(error)
        if (isWorthAnother(why)) throw why
        return { failed: why }
      }
    })
    if ('failed' in outcome) throw outcome.failed
    return outcome.receipt
  } catch (error) {
    throw explain(error)
  }
}

/** A lost connection, a deadlock: another attempt may not meet it. What has waited in vain has waited enough, and another run's load stands. */
function isWorthAnother(error: unknown): boolean {
  if (error instanceof ConnectionLost) return true
  const { code } = ((error as Error | undefined)?.cause ?? {}) as { readonly code?: unknown }
  return error instanceof TransientError && typeof code === 'string' && code.startsWith('40')
}

/** Ends a transaction whose rows are there already. */
class NothingNew extends Error {}

/** One attempt; `former` is the server process of the last one, which must be gone before, and becomes this one's. */
async function attemptOnce<T>(reach: Reach, attempt: Attempt<T>, ctx: RunContext, former: { backend?: Backend }): Promise<T> {
  ctx.signal.throwIfAborted()
  const { schema, retries } = reach.settings
  const session = await reach.open()
  const id = randomUUID()
  let written: Written<T> | undefined
  let asked: { readonly receipt: T; readonly token: Token } | undefined
  try {
    if (former.backend) await endBackend(session, former.backend)
    former.backend = session.backend
    await createTokens(session, schema)
    await attempt.prepare?.(session)
    const { receipt, token } = await inTransaction(
      session,
      { signal: ctx.signal, open: reach.open },
      async () => {
        written = await attempt.write(session)
        const { receipt, token } = written
        if (!token) throw new NothingNew()
        await writeToken(session, schema, token, ctx.clock.now(), id)
        return { receipt, token }
      },
      (result) => {
        asked = result
      },
    )
    if (!(await isCommitted(session, schema, token, id))) throw new Error(`${reach.place} does not hold what it has committed`)
    await analyze(session, attempt.table, schema, ctx)
    return receipt
  } catch (error) {
    if (error instanceof NothingNew && written) return written.receipt
    if (!asked || !isLost(error)) throw error
    session.destroy()
    const lost = { backend: session.backend, schema, token: asked.token, attempt: id }
    if (await settledOutcome(reach.open, lost, retries, ctx)) return asked.receipt
    throw error
  } finally {
    await attempt.finish?.(session)
    await session.close()
  }
}

/** The planner must know the new rows. The commit stands without it. */
async function analyze(session: LoadSession, table: string, schema: string, ctx: RunContext): Promise<void> {
  try {
    await session.query(`ANALYZE ${quoteIdentifier(schema)}.${quoteIdentifier(table)}`)
  } catch (error) {
    ctx.emit({ type: 'warning', stage: 'load', message: `"${table}" is loaded, but ANALYZE failed: ${messageOf(error).split('\n')[0]}` })
  }
}
