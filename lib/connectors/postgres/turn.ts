import type { RunContext } from '../../core/context.ts'
import { TransientError } from '../../core/errors.ts'
import type { LoadSession } from './load-session.ts'
import type { Settings } from './options.ts'

/** How long another load of the same table is waited for, as the contract of `Warehouse` says. */
const TURN_MS = 60_000

/** Who wants the turn at which table. */
export interface AtTable {
  readonly session: LoadSession
  readonly request: { readonly table: string }
  readonly ctx: Pick<RunContext, 'signal'>
}

/** One load of a table at a time; readers are not concerned. Asked for inside a transaction; `held` to the end of that, or by the session until `releaseTurns`. */
export async function takeTurn(
  { session, request, ctx }: AtTable,
  settings: Pick<Settings, 'schema' | 'lockTimeoutMs'>,
  held: 'transaction' | 'session' = 'transaction',
): Promise<void> {
  const { table } = request
  const lock = held === 'session' ? 'pg_advisory_lock' : 'pg_advisory_xact_lock'
  await session.query(`SET LOCAL lock_timeout = ${TURN_MS}`)
  try {
    await session.query(`SELECT pg_catalog.${lock}(pg_catalog.hashtextextended($1, 0))`, [`millrace load ${settings.schema}.${table}`])
  } catch (error) {
    // After a minute, or what a statement may take.
    const waited = error instanceof Error && 'code' in error && (error.code === '55P03' || error.code === '57014')
    if (!waited || ctx.signal.aborted) throw error
    throw new TransientError(`another run is loading "${table}", and has not ended in the time that it was waited for`, {
      table,
      hint: 'run again when it has ended',
      cause: error,
    })
  }
  await session.query(`SET LOCAL lock_timeout = ${settings.lockTimeoutMs}`)
}

/** Lets go of turns that the session holds; its transaction keeps what it has taken itself. */
export async function releaseTurns(session: LoadSession): Promise<void> {
  await session.query('SELECT pg_catalog.pg_advisory_unlock_all()')
}
