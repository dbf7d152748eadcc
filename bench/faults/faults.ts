import type { PostgresServer } from '../../fixtures/postgres-server.ts'
import type { AnswerProxy } from '../../tests/kit/answer-proxy.ts'
import type { DatabaseProxy } from '../../tests/kit/database-proxy.ts'
import type { Running } from './command.ts'
import { ask, session } from './sessions.ts'

/** What a connection has in the configuration. */
type Options = Readonly<Record<string, unknown>>

/** One fault: what the configuration says, and what happens while the command runs. */
export interface Fault {
  readonly name: string
  readonly source?: Options
  readonly warehouse?: Options
  /** Before the command; gives what ends the fault after it. */
  readonly before?: () => Promise<() => Promise<void>>
  /** While it runs; resolves at the instant of the fault. */
  readonly during?: (run: Running) => Promise<void>
}

/** Waits until the server is at work for the command. */
async function atWork(server: PostgresServer, database: string, run: Running): Promise<void> {
  const sql = `SELECT FROM pg_stat_activity WHERE datname = '${database}' AND pid <> pg_backend_pid() AND state = 'active' AND query ~* 'COPY'`
  while (!run.ended() && (await ask(server, 'postgres', sql)).length === 0) await new Promise((done) => setTimeout(done, 5))
}

/** Holds a lock on a table until it is let go. */
async function locked(server: PostgresServer, database: string): Promise<() => Promise<void>> {
  const client = await session(server, database)
  await client.query('BEGIN; LOCK TABLE rows IN ACCESS EXCLUSIVE MODE')
  return () => client.end()
}

/** Where the faults happen: one server for both sides, and a proxy before each. */
export interface Site {
  readonly server: PostgresServer
  readonly source: AnswerProxy
  readonly warehouse: DatabaseProxy
}

export function faultsAt({ server, source, warehouse }: Site): readonly Fault[] {
  const there = (more: string) => async () => {
    await ask(server, 'mart', `CREATE TABLE rows (id bigint, value text, _partition text, _load text)${more}`)
    return async () => undefined
  }
  const onceCut = (how: 'cut' | 'stall') => async () => {
    const had = source.faults
    source.plan(() => (source.faults === had ? { how, afterBytes: 10_000_000 } : undefined))
    return async () => source.plan(() => undefined)
  }
  const faulted = async (run: Running, had: number, faults: () => number) => {
    while (!run.ended() && faults() === had) await new Promise((done) => setTimeout(done, 5))
  }
  const THROUGH_SOURCE = { port: source.port }
  const THROUGH_WAREHOUSE = { port: warehouse.port }
  const stopped = (signal: NodeJS.Signals, database: string) => async (run: Running) => {
    await atWork(server, database, run)
    run.kill(signal)
  }

  return [
    { name: 'none' },
    { name: 'source: wrong password', source: { password: 'not it' } },
    { name: 'source: unknown host', source: { host: 'no-such-host.invalid' } },
    { name: 'source: nothing listens', source: { port: 1 } },
    {
      name: 'source: no connection left for the role',
      source: { user: 'limited' },
      before: async () => {
        await ask(server, 'postgres', `CREATE ROLE limited LOGIN PASSWORD '${server.password}' CONNECTION LIMIT 0`)
        return async () => void (await ask(server, 'postgres', 'DROP ROLE limited'))
      },
    },
    {
      name: 'source: connections cut at 10 MB',
      source: THROUGH_SOURCE,
      before: onceCut('cut'),
      during: (run) => faulted(run, source.faults, () => source.faults),
    },
    {
      name: 'source: connections silent at 10 MB',
      source: THROUGH_SOURCE,
      before: onceCut('stall'),
      during: (run) => faulted(run, source.faults, () => source.faults),
    },
    {
      name: 'source: restart of the server in mid-read',
      during: async (run) => {
        await atWork(server, 'shop', run)
        await server.restart('immediate')
      },
    },
    {
      name: 'source: statement time-out of 1 s',
      source: { statementTimeout: '1s' },
      before: async () => {
        const slow = 'SELECT id, pg_sleep(0.001)::text || value AS value FROM kept'
        await ask(server, 'shop', `ALTER TABLE rows RENAME TO kept; CREATE VIEW rows AS ${slow}`)
        return async () => void (await ask(server, 'shop', 'DROP VIEW rows; ALTER TABLE kept RENAME TO rows'))
      },
    },
    { name: 'source: table locked by another, lock time-out of 10 s', before: () => locked(server, 'shop') },
    {
      name: 'source: column gone',
      before: async () => {
        await ask(server, 'shop', 'ALTER TABLE rows RENAME COLUMN value TO text')
        return async () => void (await ask(server, 'shop', 'ALTER TABLE rows RENAME COLUMN text TO value'))
      },
    },
    { name: 'source: Ctrl-C in mid-read', during: stopped('SIGINT', 'shop') },
    { name: 'source: kill -9 in mid-read', during: stopped('SIGKILL', 'shop') },
    { name: 'warehouse: wrong password', warehouse: { password: 'not it' } },
    { name: 'warehouse: nothing listens', warehouse: { port: 1 } },
    {
      name: 'warehouse: connection cut at 10 MB',
      warehouse: THROUGH_WAREHOUSE,
      before: async () => {
        warehouse.cutOnceAfter(10_000_000)
        return async () => undefined
      },
      during: (run) => faulted(run, warehouse.faults, () => warehouse.faults),
    },
    {
      name: 'warehouse: restart of the server in mid-load',
      during: async (run) => {
        await atWork(server, 'mart', run)
        await server.restart('immediate')
      },
    },
    {
      name: 'warehouse: reply to COMMIT lost',
      warehouse: THROUGH_WAREHOUSE,
      before: async () => {
        warehouse.once('COMMIT\0', 'loseReply')
        return async () => undefined
      },
      during: (run) => faulted(run, warehouse.faults, () => warehouse.faults),
    },
    {
      name: 'warehouse: silent at COMMIT, time-outs of 10 s',
      warehouse: { ...THROUGH_WAREHOUSE, statementTimeout: '10s' },
      before: async () => {
        warehouse.once('COMMIT\0', 'freezeBefore')
        return async () => undefined
      },
      during: (run) => faulted(run, warehouse.faults, () => warehouse.faults),
    },
    {
      name: 'warehouse: table locked by another, lock time-out of 10 s',
      before: async () => {
        await there('')()
        return locked(server, 'mart')
      },
    },
    {
      name: 'warehouse: a row breaks a constraint',
      before: async () => {
        await there('; ALTER TABLE rows ADD CONSTRAINT small CHECK (id < 999)')()
        return async () => void (await ask(server, 'mart', 'ALTER TABLE rows DROP CONSTRAINT small'))
      },
    },
    { name: 'warehouse: Ctrl-C in mid-load', during: stopped('SIGINT', 'mart') },
    { name: 'warehouse: kill -9 in mid-load', during: stopped('SIGKILL', 'mart') },
  ]
}
