import type { RunContext } from '../../core/context.ts'
import { TransientError } from '../../core/errors.ts'
import { retrying } from '../../core/retry.ts'
import type { Token } from '../warehouse.ts'
import type { Backend, LoadSession } from './load-session.ts'
import { isCommitted } from './tokens.ts'

const POLL_MS = 50
const GONE_MS = 30_000

/** Ends a server process of ours whose connection was lost, and waits until it is gone: then what it was doing is either committed or never will be. @throws TransientError when it stays */
export async function endBackend(session: LoadSession, { pid, started }: Backend): Promise<void> {
  const begun = performance.now()
  for (;;) {
    const { count } = await session.query(
      'SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE pid = $1 AND backend_start = $2',
      [pid, started],
    )
    if (count === 0) return
    if (performance.now() - begun > GONE_MS)
      throw new TransientError(`the server process ${pid} of a lost connection does not end`, {
        hint: 'run again later: the next run asks for the token first',
      })
    await new Promise((done) => setTimeout(done, POLL_MS))
  }
}

/**
 * Whether a load whose COMMIT gave no clear answer is committed after all: asked on a new connection once the old one's server process is gone, so that the answer is final.
 * @throws TransientError when nobody can tell
 */
export async function settledOutcome(
  open: () => Promise<LoadSession>,
  lost: { readonly backend: Backend; readonly schema: string; readonly token: Token; readonly attempt: string },
  retries: number,
  ctx: RunContext,
): Promise<boolean> {
  // Asked also when the run is being stopped: the caller must be told the truth.
  const asking = { clock: ctx.clock, emit: ctx.emit, signal: new AbortController().signal }
  try {
    return await retrying(asking, { stage: 'load', retries: Math.max(retries, 4) }, async () => {
      const session = await open()
      try {
        await endBackend(session, lost.backend)
        return await isCommitted(session, lost.schema, lost.token, lost.attempt)
      } finally {
        await session.close()
      }
    })
  } catch (error) {
    throw new TransientError(`the connection was lost at COMMIT, and the server does not say whether it has committed`, {
      hint: 'run again: the token is asked first, so nothing is loaded twice',
      cause: error,
    })
  }
}
