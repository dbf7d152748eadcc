import { PermanentError } from '../../core/errors.ts'
import type { LoadSession } from './load-session.ts'

const CANCEL_EVERY_MS = 100

/**
 * Runs `work` in a transaction, `beforeCommit` when only COMMIT is left. An abort of the signal cancels what the server is doing, from a connection of its own, or closes the connection where none
 * can be had; from COMMIT on it is too late.
 * @throws what `work` throws, rolled back; the signal's reason
 */
export async function inTransaction<T>(
  session: LoadSession,
  { signal, open }: { readonly signal: AbortSignal; open(): Promise<LoadSession> },
  work: () => Promise<T>,
  beforeCommit: (result: T) => void,
): Promise<T> {
  signal.throwIfAborted()
  await session.query('BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE')
  const control = new AbortController()
  let cancelling: Promise<void> | undefined
  const cancel = () => {
    cancelling = cancelUntil(control.signal, session, open)
  }
  signal.addEventListener('abort', cancel, { once: true })
  let result: T
  try {
    result = await work()
    signal.throwIfAborted()
  } catch (error) {
    control.abort()
    await cancelling
    await session.query('ROLLBACK').catch(() => undefined)
    signal.throwIfAborted()
    throw error
  } finally {
    signal.removeEventListener('abort', cancel)
  }
  beforeCommit(result)
  const { command } = await session.query('COMMIT')
  // A transaction that has failed is "committed" without an error, and saves nothing.
  if (command !== 'COMMIT') throw new PermanentError(`PostgreSQL answered COMMIT with ${command}: nothing was loaded`)
  return result
}

/** Again and again: a cancel that comes between two statements is lost. Once also where we have stopped waiting already: the server may still be computing. */
async function cancelUntil(ended: AbortSignal, session: LoadSession, open: () => Promise<LoadSession>): Promise<void> {
  let other: LoadSession | undefined
  try {
    other = await open()
    do {
      await other.query('SELECT pg_catalog.pg_cancel_backend(pid) FROM pg_catalog.pg_stat_activity WHERE pid = $1 AND backend_start = $2', [
        session.backend.pid,
        session.backend.started,
      ])
      if (!ended.aborted) await new Promise((done) => setTimeout(done, CANCEL_EVERY_MS))
    } while (!ended.aborted)
  } catch {
    session.destroy()
  } finally {
    await other?.close()
  }
}
