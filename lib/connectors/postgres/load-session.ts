import type { Writable } from 'node:stream'
import type { Client } from 'pg'
import type { RunContext } from '../../core/context.ts'
import { MillraceError } from '../../core/errors.ts'
import { type Address, connect } from './client.ts'
import { copyIntoFifo, newProgress } from './copy-stream.ts'
import { ConnectionLost } from './faults.ts'
import type { FifoEnd } from './fifo.ts'
import type { Settings } from './options.ts'
import { throttle } from './throttle.ts'

/** A server process of ours: its pid alone may be another's by now. */
export interface Backend {
  readonly pid: string
  readonly started: string
}

/** What a statement gave: values as the server's own text. */
export interface Answer {
  readonly rows: readonly (readonly (string | null)[])[]
  /** Rows that it changed or gave. */
  readonly count: number
  /** The first word of its command tag. */
  readonly command: string
}

/** One session of a load. Nothing on it waits for ever: a server that says nothing for longer than its own time-out is given up, and the connection closed. */
export interface LoadSession {
  readonly backend: Backend
  query(sql: string, values?: readonly (string | null)[]): Promise<Answer>
  /** Runs a COPY … FROM STDIN over what `feed` writes into the stream; gives the rows that the server took. */
  copy(sql: string, feed: (into: Writable) => Promise<void>): Promise<number>
  /** Runs a COPY … TO STDOUT into a FIFO, which stays open; gives the rows that the server has sent. An abort ends the session. */
  copyOut(sql: string, into: Pick<FifoEnd, 'write'>, ctx: Pick<RunContext, 'clock' | 'signal'>): Promise<number>
  /** Closes the connection, politely or, when the server does not answer, not. */
  close(): Promise<void>
  /** Closes the connection at once: what it was doing fails. */
  destroy(): void
}

/** The part of the driver's connection that its types leave out. */
interface Wired {
  readonly connection: { readonly stream: { destroy(): void } }
}

/**
 * Settings of a load's session, each where this server has it: locks of a client that has gone end soon; literals mean what they say; a policy that would hide rows is an error; it writes, whatever the role's default; a commit is
 * durable when it is said to be.
 */
const LOADING = `SELECT pg_catalog.set_config(s.name, v.value, false)
FROM pg_catalog.pg_settings AS s JOIN (VALUES ('tcp_keepalives_idle', '15'), ('tcp_keepalives_interval', '5'), ('tcp_keepalives_count', '3'),
('standard_conforming_strings', 'on'), ('row_security', 'off'), ('default_transaction_read_only', 'off'), ('synchronous_commit', 'on')) AS v(name, value) USING (name)
WHERE s.name <> 'synchronous_commit' OR s.setting = 'off'`

/** The same of its work, not only its locks; there are servers on systems that cannot. */
const CHECKING =
  "SELECT pg_catalog.set_config(name, '1000', false) FROM pg_catalog.pg_settings WHERE name = 'client_connection_check_interval'"

const CLOSE_MS = 1000

/** @throws what `connect` throws; the driver's own errors later, `explained` by the caller */
export async function openLoadSession(settings: Settings, address: Address, application: string): Promise<LoadSession> {
  const client = await connect(settings, address, application)
  const destroy = () => (client as unknown as Wired).connection.stream.destroy()
  const patience = Math.min(settings.statementTimeoutMs + settings.connectTimeoutMs, 2 ** 31 - 1)
  const patiently = <T>(work: Promise<T>): Promise<T> => {
    let timer: NodeJS.Timeout | undefined
    const silence = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(new ConnectionLost('the server does not answer any more', { hint: 'check the network between, then run again' }))
        destroy()
      }, patience)
    })
    return Promise.race([work, silence]).finally(() => clearTimeout(timer))
  }
  const query: LoadSession['query'] = (sql, values) => patiently(ask(client, sql, values))
  const close = async () => {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((done) => {
      timer = setTimeout(done, CLOSE_MS)
    })
    await Promise.race([client.end().catch(() => undefined), late])
    clearTimeout(timer)
    destroy()
  }
  try {
    await query(LOADING)
    await query(CHECKING).catch(() => undefined)
    const { rows } = await query('SELECT pid, backend_start FROM pg_catalog.pg_stat_activity WHERE pid = pg_catalog.pg_backend_pid()')
    const [pid, started] = rows[0] ?? []
    return {
      backend: { pid: pid ?? '', started: started ?? '' },
      query,
      copy: (sql, feed) => patiently(copyIn(client, sql, feed)),
      copyOut: async (sql, into, ctx) => {
        try {
          return (await patiently(copyIntoFifo(client, sql, into, newProgress(ctx), throttle(undefined), ctx))).rows
        } catch (error) {
          // It is in the midst of rows that nobody takes any more: an answer to another statement would never come.
          destroy()
          throw error
        }
      },
      close,
      destroy,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** Text of every type, and no parsing. */
const AS_TEXT = { getTypeParser: () => (text: string) => text }

async function ask(client: Client, text: string, values?: readonly (string | null)[]): Promise<Answer> {
  const given = values === undefined ? {} : { values: [...values] }
  const result = await client.query<(string | null)[]>({ text, rowMode: 'array', types: AS_TEXT as never, ...given })
  // Several statements in one text give several results.
  const last = [result].flat().at(-1)
  return { rows: last?.rows ?? [], count: last?.rowCount ?? 0, command: last?.command ?? '' }
}

async function copyIn(client: Client, sql: string, feed: (into: Writable) => Promise<void>): Promise<number> {
  // Loaded late, as the driver is.
  const { copyFrom } = await import('./copy-from.ts')
  const stream = client.query(copyFrom(sql))
  await feed(stream)
  return stream.rowCount
}

/** Whether this says that the connection has gone, not that the server refused: then nobody knows what the server has done with the last statement. */
export function isLost(error: unknown): boolean {
  if (error instanceof MillraceError) return error instanceof ConnectionLost
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return /^[0-9A-Z]{5}$/.test(code) ? /^(08|57P|40003|XX000)/.test(code) : true
}
