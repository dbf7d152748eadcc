import { createHash, randomUUID } from 'node:crypto'
import type { RunContext } from '../../core/context.ts'
import type { Columns } from '../../core/dataset.ts'
import { messageOf } from '../../core/errors.ts'
import { quoteIdentifier, quoteLiteral } from '../../core/quote.ts'
import { isLost, type LoadSession } from './load-session.ts'
import type { Settings } from './options.ts'
import { createTable } from './tables.ts'

/** A target, in the schema of its warehouse. */
export interface Target {
  readonly table: string
  readonly settings: Pick<Settings, 'schema' | 'lockTimeoutMs'>
}

/** How the tables begin that a target's rows come into before it is there: digits of its name, for that may be as long as a name can be. */
const beginning = (table: string) => `_millrace_${createHash('sha256').update(table).digest('hex').slice(0, 16)}_`

/** What such a table is, for whoever finds it; it also says that it is one. */
const commentOf = (table: string) =>
  `Rows on their way into "${table}": millrace gives the table that name once all are there. Where no load of it is at work this is left of one that was killed, and the next one drops it.`

/** How long others may let us wait who have such a table open, as a dump of the database has all. */
const LOCK_MS = 1000

/** In SQL. */
export const fillingOf = (schema: string, filling: string): string => `${quoteIdentifier(schema)}.${quoteIdentifier(filling)}`

/**
 * Makes a table with these columns under a name of its own, which it gives, in the session's transaction. Undefined where a publication of all tables of the database or the schema would send its rows to subscribers that do not know it.
 */
export async function createFilling(
  session: LoadSession,
  { table, settings: { schema } }: Target,
  columns: Columns,
): Promise<string | undefined> {
  const filling = `${beginning(table)}${randomUUID().replaceAll('-', '').slice(0, 12)}`
  const name = fillingOf(schema, filling)
  await createTable(session, name, columns)
  await session.query(`COMMENT ON TABLE ${name} IS ${quoteLiteral(commentOf(table))}`)
  const published = await session.query('SELECT FROM pg_catalog.pg_publication_tables WHERE schemaname = $1 AND tablename = $2 LIMIT 1', [
    schema,
    filling,
  ])
  if (published.count === 0) return filling
  await session.query(`DROP TABLE ${name}`)
  return undefined
}

/** Gives the filled table its target's name, in the session's transaction; false where somebody has it open. */
export async function adoptFilling(session: LoadSession, filling: string, { table, settings }: Target): Promise<boolean> {
  const { schema } = settings
  const name = fillingOf(schema, filling)
  const refused = await trying(session, settings, () => session.query(`LOCK TABLE ${name} IN ACCESS EXCLUSIVE MODE`))
  if (refused && !(refused instanceof Error && 'code' in refused && refused.code === '55P03')) throw refused
  if (refused) return false
  await session.query(`ALTER TABLE ${name} RENAME TO ${quoteIdentifier(table)}`)
  await session.query(`COMMENT ON TABLE ${fillingOf(schema, table)} IS NULL`)
  return true
}

/** By name and by comment, and ours to drop. */
const LEFT = `SELECT c.relname FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname >= $2 AND c.relname < $3 AND c.relkind = 'r' AND pg_catalog.obj_description(c.oid, 'pg_class') = $4
AND pg_catalog.pg_has_role(c.relowner, 'USAGE') ORDER BY 1`

/**
 * Drops what killed loads of the target have left, all such tables but `own`, in the session's transaction. That has the turn at the target, so nobody else is filling one. One that cannot be dropped (the server may still have to
 * notice that its writer has gone) is told of, and left to the next load.
 */
export async function sweepFillings(
  session: LoadSession,
  { table, settings }: Target,
  own: string | undefined,
  ctx: Pick<RunContext, 'signal' | 'emit'>,
): Promise<void> {
  const begin = beginning(table)
  // The next character begins with a hex digit.
  const { rows } = await session.query(LEFT, [settings.schema, begin, `${begin}g`, commentOf(table)])
  for (const [left] of rows) {
    if (!left || left === own) continue
    const refused = await trying(session, settings, () => session.query(`DROP TABLE ${fillingOf(settings.schema, left)}`))
    ctx.signal.throwIfAborted()
    if (refused)
      ctx.emit({
        type: 'warning',
        stage: 'load',
        message: `"${left}" is left of a load of "${table}" that was killed, and cannot be dropped: ${messageOf(refused).split('\n')[0]}`,
      })
  }
}

/** Drops a table that came to nothing, outside of a transaction. It may be gone already; where it cannot be dropped it is as one that a killed load has left. */
export async function dropFilling(session: LoadSession, filling: string, { settings: { schema } }: Target): Promise<void> {
  await session.query(`SET LOCAL lock_timeout = ${LOCK_MS}; DROP TABLE IF EXISTS ${fillingOf(schema, filling)}`).catch(() => undefined)
}

/** Runs a statement that waits for nobody for long, and may be refused without an end to the transaction: then gives the error. */
async function trying(session: LoadSession, { lockTimeoutMs }: Target['settings'], work: () => Promise<unknown>): Promise<unknown> {
  await session.query('SAVEPOINT millrace_filling')
  await session.query(`SET LOCAL lock_timeout = ${Math.min(LOCK_MS, lockTimeoutMs || LOCK_MS)}`)
  try {
    await work()
  } catch (error) {
    if (isLost(error)) throw error
    await session.query('ROLLBACK TO SAVEPOINT millrace_filling')
    return error
  }
  await session.query(`SET LOCAL lock_timeout = ${lockTimeoutMs}`)
  return undefined
}
