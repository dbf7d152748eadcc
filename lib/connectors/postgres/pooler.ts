import type { Client } from 'pg'
import { ConfigError } from '../../core/errors.ts'
import { endOf, within } from './session-end.ts'
import { valuesOf } from './values.ts'

/** The part of the driver's client that its types leave out. */
interface Keyed {
  /** The server process as the other side of the connection gave it for cancelling. */
  readonly processID: number | null
}

const ANSWER_MS = 2_000

/**
 * Refuses a pooler that gives each transaction another server session (PgBouncer's `pool_mode = transaction` or `statement`): there settings of ours would hold in the sessions of others and not in our own, and a session that is ended or cancelled
 * would be somebody else's. A pooler that leaves a session to its client until that goes is taken. `pid`: the server process that answered first; `open` gives one more connection.
 * @throws ConfigError
 */
export async function refusePooledTransactions(client: Client, pid: number, open: () => Promise<Client>, doing: string): Promise<void> {
  // The server itself gives the number of its own process; a pooler gives one that means something to itself.
  if ((client as unknown as Keyed).processID === pid) return
  const shared = () =>
    new ConfigError(`${doing} failed: a pooler there gives each transaction another session of the server`, {
      hint: 'name the server itself, or a pool with pool_mode = session: a run needs sessions of its own, for its snapshot and its settings',
    })
  if ((await pidOf(client)) !== pid) throw shared()
  const other = await open().catch(() => undefined)
  if (!other) return
  try {
    // Where all sessions of a pool are taken, one more waits: then ours is ours.
    const others = await within(ANSWER_MS, pidOf(other))
    if (others === pid || (await pidOf(client)) !== pid) throw shared()
  } finally {
    await endOf(other)
  }
}

async function pidOf(client: Client): Promise<number> {
  const [[pid] = []] = await valuesOf(client, 'SELECT pg_catalog.pg_backend_pid()')
  return Number(pid)
}
