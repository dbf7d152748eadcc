import type { Client } from 'pg'
import type { RunContext } from '../../core/context.ts'
import { together } from '../../core/together.ts'
import { type Address, applicationName, connect, placeText } from './client.ts'
import { type Describable, type Described, describeAll } from './describe.ts'
import { explained } from './faults.ts'
import type { Settings } from './options.ts'
import { endOf, within } from './session-end.ts'
import { valuesOf } from './values.ts'

export { type Described, sameColumns } from './describe.ts'

/**
 * The control session of a run: a transaction whose exported snapshot every other session reads on, and which holds the locks (ACCESS SHARE, as pg_dump does) of what it has described, so that nobody changes a
 * table between two reads of it. It is idle while others read, so it asks after them and cancels them.
 */
export interface Snapshot {
  /** For `SET TRANSACTION SNAPSHOT`. */
  readonly id: string
  /** What was committed after this may be missing: when it was taken, or, of a replica that is behind, the last commit that it shows. */
  readonly takenAt: Date
  /** Whether the server's encoding is none, so that texts may hold any bytes. */
  readonly anyBytes: boolean
  /** What the meaning of binary frames depends on: the server's version, as 150004, and how many of a money's digits are fractional. */
  readonly facts: { readonly version: number; readonly moneyDigits: number }
  /** The session or its transaction is gone, and the snapshot with it. */
  lost(): boolean
  /** What a SELECT gives; tables that are asked for at the same time are described together. @throws what `explained` makes of it; TransientError when it was rewritten since the snapshot */
  describe(asked: Describable): Promise<Described>
  /** Whether the server refuses a question with this SQLSTATE; any other error is none. */
  refuses(sql: string, state: string): Promise<boolean>
  /** What its planner thinks that a SELECT costs, in units of its own. */
  cost(sql: string): Promise<number>
  /** What the server says of sessions of ours; undefined when it does not answer in time. */
  activity(application: string, timeoutMs: number): Promise<readonly Activity[] | undefined>
  /** Cancels what sessions of ours are doing. */
  cancel(application: string): Promise<void>
  /** Ends sessions of ours, also those that nobody hears any more: they would keep the snapshot, and rows from being cleaned away, until the server's TCP finds out. */
  end(application: string): Promise<void>
  /** Lends the session itself, for settings that allow no other. It comes back `whole`, or is gone. */
  lend(): Promise<{ readonly client: Client; giveBack(whole: boolean): Promise<void> }>
  close(): Promise<void>
}

export interface Activity {
  readonly state: string
  /** `ClientWrite`: it waits for us to take what it has sent. */
  readonly waiting: string
}

/** Expressions that `factsOf` reads. */
export const FACTS = `current_setting('server_version_num'), length(regexp_replace(1::money::text, '[^0-9]', '', 'g')) - 1`

/** What `FACTS` gave. */
export function factsOf([version, moneyDigits]: readonly (string | null)[] = []): Snapshot['facts'] {
  return { version: Number(version), moneyDigits: Number(moneyDigits) }
}

/** Opens the control session and takes the snapshot. @throws what `connect` throws */
export async function takeSnapshot(settings: Settings, address: Address, ctx: RunContext): Promise<Snapshot> {
  const place = placeText(settings, address)
  const application = applicationName(ctx)
  const client = await connect(settings, address, application)
  let gone = false
  const lose = () => {
    gone = true
  }
  client.on('error', lose).on('end', lose)
  let turn: Promise<unknown> = Promise.resolve()

  /** One after the other: savepoints of two would mix. */
  function alone<T>(work: (client: Client) => Promise<T>): Promise<T> {
    const mine = turn.then(() => work(client))
    turn = mine.catch(() => undefined)
    return mine
  }

  /** In a savepoint: an error outside of one would end the transaction, and the snapshot with it. */
  function safely<T>(work: (client: Client) => Promise<T>, doing: string): Promise<T> {
    return alone(async () => {
      try {
        await client.query('SAVEPOINT millrace')
        const result = await work(client)
        await client.query('RELEASE millrace')
        return result
      } catch (error) {
        await client.query('ROLLBACK TO millrace; RELEASE millrace').catch(lose)
        throw explained(error, doing)
      }
    })
  }

  /** Says something of sessions of ours, on another session where this one does not answer. */
  async function tell(sql: string, named: string): Promise<void> {
    const asked = await within(
      TELL_MS,
      alone(() => fresh(client, sql, named)),
    )
    if (asked !== undefined) return
    const other = await connect(settings, address, application)
    await fresh(other, sql, named).catch(() => undefined)
    await endOf(other)
  }

  const describe = (asked: readonly Describable[]) => safely((on) => describeAll(on, asked), asked[0]?.doing ?? '')
  const tables = together(TABLES, describe)

  try {
    const takenAt = asOf(ctx.clock.now(), (await valuesOf(client, BEHIND))[0]?.[0])
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
    const [row] = await valuesOf(client, `SELECT pg_export_snapshot(), current_setting('server_encoding'), ${FACTS}`)
    return {
      id: row?.[0] ?? '',
      takenAt,
      anyBytes: row?.[1] === 'SQL_ASCII',
      facts: factsOf(row?.slice(2)),
      lost: () => gone,
      // A user's own query is nobody else's to wait for.
      describe: (asked) => (asked.table === undefined ? describe([asked]).then(([found]) => found as Described) : tables(asked)),
      refuses: (sql, state) =>
        safely((on) => valuesOf(on, sql), '').then(
          () => false,
          (error: Error) => (error.cause as { readonly code?: string } | undefined)?.code === state,
        ),
      cost: async (sql) => {
        const [line] = await safely((on) => valuesOf(on, `EXPLAIN ${sql}`), 'planning a query')
        return Number(/\(cost=[\d.]+\.\.([\d.]+) /.exec(line?.[0] ?? '')?.[1])
      },
      activity: (named, timeoutMs) =>
        within(
          timeoutMs,
          alone(() => activityOf(client, named)),
        ),
      cancel: (named) => tell(CANCEL, named),
      end: (named) => tell(END, named),
      lend: () =>
        new Promise((resolve, reject) => {
          alone(async () => {
            await client.query('SAVEPOINT millrace')
            await new Promise<void>((back) => {
              const giveBack = async (whole: boolean) => {
                gone ||= !whole
                await (whole ? client.query('ROLLBACK TO millrace; RELEASE millrace') : endOf(client))
                back()
              }
              resolve({ client, giveBack })
            })
          }).catch(reject)
        }),
      close: () => endOf(client),
    }
  } catch (error) {
    await endOf(client)
    throw explained(error, `taking a snapshot of ${place}`)
  }
}

/** When a replica's last commit was made, in milliseconds of the epoch; NULL where it has replayed all that there is, and of any other server. */
const BEHIND = `SELECT (extract(epoch FROM pg_catalog.pg_last_xact_replay_timestamp()) * 1000)::bigint WHERE pg_catalog.pg_is_in_recovery() AND NOT (
  pg_catalog.pg_last_wal_receive_lsn() IS NOT DISTINCT FROM pg_catalog.pg_last_wal_replay_lsn() AND EXISTS (SELECT FROM pg_catalog.pg_stat_wal_receiver))`

function asOf(now: Date, behindMs: string | null | undefined): Date {
  return new Date(Math.min(now.getTime(), Number(behindMs ?? now.getTime())))
}

/** How many tables are described together at most. */
const TABLES = 64
const TELL_MS = 5_000
const END = 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1 AND pid <> pg_backend_pid()'
const CANCEL = 'SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = $1 AND pid <> pg_backend_pid()'
const ACTIVITY = "SELECT coalesce(state, ''), coalesce(wait_event, '') FROM pg_stat_activity WHERE application_name = $1"

async function activityOf(client: Client, application: string): Promise<readonly Activity[]> {
  return (await fresh(client, ACTIVITY, application)).map(([state, waiting]) => ({ state: state ?? '', waiting: waiting ?? '' }))
}

/** Asks pg_stat_activity as it is now: inside a transaction the server answers from a copy of its first answer. */
async function fresh(client: Client, sql: string, application: string) {
  await client.query('SELECT pg_stat_clear_snapshot()')
  return valuesOf(client, sql, [application])
}
