import { isIP } from 'node:net'
import { checkServerIdentity } from 'node:tls'
import type { Client, ClientConfig } from 'pg'
import type { RunContext } from '../../core/context.ts'
import { messageOf } from '../../core/errors.ts'
import { reveal } from '../../core/secret.ts'
import { authorityIn } from '../authority.ts'
import { explained } from './faults.ts'
import { lendingSocket } from './lending-socket.ts'
import { protectionOf, type Settings } from './options.ts'
import { refusePooledTransactions } from './pooler.ts'

/** Where a server really is: settings, or what `start` has started. */
export interface Address {
  readonly host: string
  readonly port: number
}

/** The settings of every session: what is read as text must not depend on how a role or a database is set up. */
export const SESSION: readonly string[] = [
  "client_encoding = 'UTF8'",
  "TimeZone = 'UTC'",
  "DateStyle = 'ISO, YMD'",
  "IntervalStyle = 'postgres'",
  "bytea_output = 'hex'",
  'extra_float_digits = 1',
  'standard_conforming_strings = on',
  'array_nulls = on',
  'quote_all_identifiers = off',
  'idle_in_transaction_session_timeout = 0',
]

/** A transaction may take as long as its run does: no limit of its own, where the server knows such a limit (PostgreSQL 17 and later). `local`: for the transaction alone. */
export function noTransactionTimeout(local: boolean): string {
  const name = "'transaction_timeout'"
  return `SELECT pg_catalog.set_config(${name}, '0', ${local}) WHERE pg_catalog.current_setting(${name}, true) IS NOT NULL`
}

/** `sakila on 127.0.0.1:5432`, for messages. */
export function placeText({ database }: Pick<Settings, 'database'>, { host, port }: Address): string {
  return `${database} on ${host}:${port}`
}

/** How the sessions of a run are called in `pg_stat_activity`: at most 63 bytes, the run's own digits last, and after them what tells those of one `read` from others. */
export function applicationName({ pipeline, run }: Pick<RunContext, 'pipeline' | 'run'>, read?: string): string {
  const end = read === undefined ? run : `${run}/${read}`
  const name = pipeline.replace(/[^\x21-\x7e]/g, '_').slice(0, Math.max(0, 63 - 'millrace//'.length - end.length))
  return `millrace/${name}/${end}`
}

/**
 * Opens one session, of a server or of a pooler that leaves it to us until we go. A server that speaks no TLS is an error unless `insecure` is set. Whoever opens it closes it with `end()`; an abort of the signal does not close it.
 * @throws ConfigError, TransientError or PermanentError that says what is wrong with the connection
 */
export async function connect(settings: Settings, address: Address, application: string): Promise<Client> {
  const protection = protectionOf(settings, address.host)
  const doing = `connecting to ${placeText(settings, address)}`
  const open = async (ssl: ClientConfig['ssl']) => {
    // Loaded late: a start without a database does not pay for the driver.
    const { default: pg } = await import('pg')
    const client = new pg.Client({
      ...address,
      database: settings.database,
      user: settings.user,
      ...(settings.password !== undefined && { password: reveal(settings.password) }),
      ssl,
      // Where TLS is, reads are TLS's own.
      ...(ssl === false && { stream: lendingSocket }),
      application_name: application,
      connectionTimeoutMillis: settings.connectTimeoutMs,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
    })
    // A connection that breaks between two queries: the next one says so.
    client.on('error', () => undefined)
    return opened(client, () => client.connect())
  }
  const attempt = async (ssl: ClientConfig['ssl']) => {
    const client = await open(ssl)
    return opened(client, async () => {
      const answers = [await client.query<{ pid: number }>(sessionText(settings))].flat()
      await refusePooledTransactions(client, answers.at(-1)?.rows[0]?.pid ?? 0, () => open(ssl), doing)
    })
  }
  try {
    if (protection === 'none') return await attempt(false)
    if (protection === 'verify') return await attempt(verified(settings, address))
    return await attempt({ rejectUnauthorized: false }).catch((error: unknown) => {
      if (/does not support SSL/.test(messageOf(error))) return attempt(false)
      throw error
    })
  } catch (error) {
    throw explained(error, doing)
  }
}

function sessionText({ statementTimeoutMs, lockTimeoutMs }: Settings): string {
  const settings = [...SESSION, `statement_timeout = ${statementTimeoutMs}`, `lock_timeout = ${lockTimeoutMs}`]
  return [...settings.map((each) => `SET ${each}`), noTransactionTimeout(false), 'SELECT pg_catalog.pg_backend_pid() AS pid'].join('; ')
}

/** The client once `work` on it is done; an error of that closes it. */
async function opened(client: Client, work: () => Promise<unknown>): Promise<Client> {
  try {
    await work()
    return client
  } catch (error) {
    await client.end().catch(() => undefined)
    throw error
  }
}

function verified({ tls = {} }: Settings, { host }: Address): ClientConfig['ssl'] {
  const name = tls.serverName ?? host
  return {
    rejectUnauthorized: true,
    // `pg` 8.23 puts the host's name in the place of ours, and an address is no server name (RFC 6066, section 3): so the name is not left to Node to verify.
    checkServerIdentity: (_, certificate) => checkServerIdentity(name, certificate),
    ...(isIP(name) === 0 && { servername: name }),
    ...(tls.ca !== undefined && { ca: authorityIn(tls.ca, 'postgres') }),
  }
}
