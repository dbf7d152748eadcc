import type { Client } from 'pg'
import type { RunContext } from '../../core/context.ts'
import { CheckError, TransientError } from '../../core/errors.ts'
import { type Address, applicationName, connect, placeText } from './client.ts'
import { columnsOf, type Field, type PostgresColumn } from './columns.ts'
import { explained } from './faults.ts'
import type { Settings } from './options.ts'

/** What is known of a relation before it is read. */
export interface Described {
  readonly columns: readonly PostgresColumn[]
  /** 8 KiB pages of an ordinary table without children that the server can scan by ranges of them; 0 of anything else. */
  readonly pages: number
}

/**
 * The control session of a run: a transaction whose exported snapshot every other session reads on, and which holds the locks (ACCESS SHARE, as pg_dump does) of what it has described, so that nobody changes a
 * table between two reads of it. It is idle while others read, so it asks after them and cancels them.
 */
export interface Snapshot {
  /** For `SET TRANSACTION SNAPSHOT`. */
  readonly id: string
  readonly takenAt: Date
  /** Whether the server's encoding is none, so that texts may hold any bytes. */
  readonly anyBytes: boolean
  /** What the meaning of binary frames depends on: the server's version, as 150004, and how many of a money's digits are fractional. */
  readonly facts: { readonly version: number; readonly moneyDigits: number }
  /** The session or its transaction is gone, and the snapshot with it. */
  lost(): boolean
  /** What a SELECT gives, `from` being its `FROM … AS q`; `table`: its quoted name, of a table. @throws what `explained` makes of it; TransientError when it was rewritten since the snapshot */
  describe(from: string, table: string | undefined, doing: string): Promise<Described>
  /** What the server says of sessions of ours; undefined when it does not answer in time. */
  activity(application: string, timeoutMs: number): Promise<readonly Activity[] | undefined>
  /** Cancels what sessions of ours are doing. */
  cancel(application: string): Promise<void>
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
  const takenAt = ctx.clock.now()
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

  try {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
    const [row] = await valuesOf(client, `SELECT pg_export_snapshot(), current_setting('server_encoding'), ${FACTS}`)
    return {
      id: row?.[0] ?? '',
      takenAt,
      anyBytes: row?.[1] === 'SQL_ASCII',
      facts: factsOf(row?.slice(2)),
      lost: () => gone,
      describe: (from, table, doing) =>
        safely(async () => {
          const { fields } = await client.query({ text: `SELECT * ${from} LIMIT 0`, rowMode: 'array' })
          if (fields.length === 0) throw new CheckError(`${doing} failed: it has no columns`)
          await refuseRewritten(client, doing)
          return {
            columns: await columnsOf(fields as readonly Field[], client),
            pages: table === undefined ? 0 : await pagesOf(client, table),
          }
        }, doing),
      activity: (named, timeoutMs) =>
        within(
          timeoutMs,
          alone(() => activityOf(client, named)),
        ),
      cancel: async (named) => {
        const asked = await within(
          CANCEL_MS,
          alone(() => fresh(client, CANCEL, named)),
        )
        if (asked !== undefined) return
        const other = await connect(settings, address, application)
        await fresh(other, CANCEL, named).catch(() => undefined)
        await endOf(other)
      },
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

const CANCEL_MS = 5_000
const CANCEL = 'SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = $1 AND pid <> pg_backend_pid()'
const ACTIVITY = "SELECT coalesce(state, ''), coalesce(wait_event, '') FROM pg_stat_activity WHERE application_name = $1"

/** The rows of a small query, each value as the server's text. */
async function valuesOf(client: Client, text: string, values: readonly unknown[] = []): Promise<readonly (readonly (string | null)[])[]> {
  const types = { getTypeParser: () => (value: string) => value }
  const { rows } = await client.query({ text, rowMode: 'array', types, ...(values.length > 0 && { values: [...values] }) })
  return rows as (string | null)[][]
}

async function activityOf(client: Client, application: string): Promise<readonly Activity[]> {
  return (await fresh(client, ACTIVITY, application)).map(([state, waiting]) => ({ state: state ?? '', waiting: waiting ?? '' }))
}

/** Asks pg_stat_activity as it is now: inside a transaction the server answers from a copy of its first answer. */
async function fresh(client: Client, sql: string, application: string) {
  await client.query('SELECT pg_stat_clear_snapshot()')
  return valuesOf(client, sql, [application])
}

/** The result, or undefined where there is none in time, or an error. */
async function within<T>(timeoutMs: number, work: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), timeoutMs)
  })
  try {
    return await Promise.race([work.catch(() => undefined), late])
  } finally {
    clearTimeout(timer)
  }
}

const END_MS = 2_000

/** Ends a session, also one whose other side is gone without a word. */
export async function endOf(client: Client): Promise<void> {
  const ended = await within(
    END_MS,
    client.end().then(() => true),
  )
  if (ended === undefined) (client as unknown as { connection?: { stream?: { destroy(): void } } }).connection?.stream?.destroy()
}

/** Relations that the control session has locked, and that are not the ones of its snapshot: made or rewritten between snapshot and lock, they would show no rows. */
const REWRITTEN = `
  SELECT l.relation::regclass::text FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_class c ON c.oid = l.relation
  WHERE l.pid = pg_backend_pid() AND l.locktype = 'relation' AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
    AND pg_relation_filenode(l.relation) IS NOT NULL AND pg_get_indexdef(l.relation) IS NULL
    AND (c.oid IS NULL OR (c.relkind IN ('r', 'm') AND c.relfilenode <> 0 AND c.relfilenode <> pg_relation_filenode(l.relation)))
  LIMIT 1`

async function refuseRewritten(client: Client, doing: string): Promise<void> {
  const [found] = await valuesOf(client, REWRITTEN)
  if (found)
    throw new TransientError(`${doing} failed: ${found[0]} was made or rewritten after this run's snapshot was taken`, {
      hint: 'run again: the next run reads it as it is then',
    })
}

async function pagesOf(client: Client, table: string): Promise<number> {
  const sql = `SELECT pg_relation_size(c.oid) / current_setting('block_size')::int FROM pg_catalog.pg_class c
    WHERE c.oid = to_regclass($1) AND c.relkind IN ('r', 'm') AND NOT c.relhassubclass AND current_setting('server_version_num')::int >= 140000`
  const [row] = await valuesOf(client, sql, [table])
  return Number(row?.[0] ?? 0)
}

/** Whether a described relation is still what it was. */
export function sameColumns(one: readonly PostgresColumn[], other: readonly PostgresColumn[]): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}
