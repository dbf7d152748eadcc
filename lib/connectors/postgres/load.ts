import { randomUUID } from 'node:crypto'
import type { RunContext } from '../../core/context.ts'
import { MillraceError, messageOf, TransientError } from '../../core/errors.ts'
import { quoteIdentifier } from '../../core/quote.ts'
import { retrying } from '../../core/retry.ts'
import { explainedRead } from '../../engines/dataset-faults.ts'
import type { DuckDB } from '../../engines/duckdb.ts'
import { checkMergeKeys } from '../../engines/merge-keys.ts'
import type { LoadReceipt, LoadRequest } from '../warehouse.ts'
import { ConnectionLost, explained } from './faults.ts'
import { loadRows } from './load-rows.ts'
import { type Backend, isLost, type LoadSession } from './load-session.ts'
import type { Settings } from './options.ts'
import { endBackend, settledOutcome } from './outcome.ts'
import { checkNames } from './tables.ts'
import { createTokens, isCommitted, writeToken } from './tokens.ts'
import { inTransaction } from './transaction.ts'
import { columnType } from './write-rows.ts'

/** How a load reaches its server and reads its dataset. */
export interface LoadTarget {
  readonly settings: Settings
  /** Database, host and port, for messages. */
  readonly place: string
  /** A connection of the load's own. */
  readonly db: DuckDB
  /** `db` has postgres_scanner. */
  readonly extension: boolean
  open(): Promise<LoadSession>
}

/**
 * `Warehouse.load` for PostgreSQL. All that is visible changes in one transaction of one session. An attempt that a lost connection or a busy server has ended is made again: nothing of it is
 * there. When the reply to COMMIT is lost, the token says what has happened.
 */
export async function loadTable(target: LoadTarget, request: LoadRequest, ctx: RunContext): Promise<LoadReceipt> {
  const { table, dataset } = request
  checkNames(table, dataset.columns)
  const explain = (error: unknown): unknown => {
    if (ctx.signal.aborted && error === ctx.signal.reason) return error
    const why = explained(explainedRead(error), `loading "${table}" into ${target.place}`)
    return why instanceof MillraceError ? why.at({ table, dataset: dataset.name }) : why
  }
  try {
    await checkMerge(target.db, request, ctx.signal)
    const former: { backend?: Backend } = {}
    const outcome = await retrying(ctx, { stage: 'load', dataset: dataset.name, retries: target.settings.retries }, async () => {
      try {
        return { receipt: await attemptLoad(target, request, ctx, former) }
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

/** What can be known to be wrong with a merge before a server is asked. */
async function checkMerge(db: DuckDB, request: LoadRequest, signal: AbortSignal): Promise<void> {
  const { table, dataset, disposition } = request
  if (disposition.mode !== 'merge') return
  const { key, order } = disposition
  for (const column of order === undefined ? key : [...key, order]) columnType(request, column)
  await checkMergeKeys(db, { table, dataset, key }, signal)
}

/** A lost connection, a deadlock: another attempt may not meet it. What has waited in vain has waited enough, and another run's load stands. */
function isWorthAnother(error: unknown): boolean {
  if (error instanceof ConnectionLost) return true
  const { code } = ((error as Error | undefined)?.cause ?? {}) as { readonly code?: unknown }
  return error instanceof TransientError && typeof code === 'string' && code.startsWith('40')
}

/** One attempt; `former` is the server process of the last one, which must be gone before, and becomes this one's. */
async function attemptLoad(target: LoadTarget, request: LoadRequest, ctx: RunContext, former: { backend?: Backend }): Promise<LoadReceipt> {
  ctx.signal.throwIfAborted()
  const { schema, retries } = target.settings
  const { token, table } = request
  const name = `${quoteIdentifier(schema)}.${quoteIdentifier(table)}`
  const session = await target.open()
  const attempt = randomUUID()
  let asked: LoadReceipt | undefined
  try {
    if (former.backend) await endBackend(session, former.backend)
    former.backend = session.backend
    await createTokens(session, schema)
    const receipt = await inTransaction(
      session,
      { signal: ctx.signal, open: target.open },
      async () => {
        const written = await loadRows({ session, db: target.db, extension: target.extension, request, name, ctx }, target.settings)
        await writeToken(session, schema, token, ctx.clock.now(), attempt)
        return written
      },
      (written) => {
        asked = written
      },
    )
    if (!(await isCommitted(session, schema, token, attempt))) throw new Error(`${target.place} does not hold what it has committed`)
    await analyze(session, name, table, ctx)
    return receipt
  } catch (error) {
    if (!asked || !isLost(error)) throw error
    session.destroy()
    const lost = { backend: session.backend, schema, token, attempt }
    if (await settledOutcome(target.open, lost, retries, ctx)) return asked
    throw error
  } finally {
    await session.close()
  }
}

/** The planner must know the new rows. The commit stands without it. */
async function analyze(session: LoadSession, name: string, table: string, ctx: RunContext): Promise<void> {
  try {
    await session.query(`ANALYZE ${name}`)
  } catch (error) {
    ctx.emit({ type: 'warning', stage: 'load', message: `"${table}" is loaded, but ANALYZE failed: ${messageOf(error).split('\n')[0]}` })
  }
}
