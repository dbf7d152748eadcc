import { ConfigError, type MillraceError } from '../../core/errors.ts'
import type { LoadSession } from './load-session.ts'
import { HOLDERS } from './own-rows.ts'

/** What a load does to rows. */
type Event = 'insert' | 'delete' | 'update'

/** As pg_trigger.tgtype and pg_rewrite.ev_type have them. */
const EVENTS: Readonly<Record<Event, readonly [trigger: string, rule: string]>> = {
  insert: ['4', '3'],
  delete: ['8', '4'],
  update: ['16', '2'],
}

/** A table of a load, for messages, and how SQL names it (quoted). */
export interface Loaded {
  readonly table: string
  readonly name: string
}

/** What may keep rows of a table from what a statement does to them, in words: then what the server has done is looked at, which costs time. */
async function keeper(session: LoadSession, { name }: Loaded, event: Event): Promise<string | undefined> {
  const { rows } = await session.query(
    `${HOLDERS} SELECT 'trigger ' || pg_catalog.quote_ident(t.tgname) || ' of ' || t.tgrelid::pg_catalog.regclass FROM pg_catalog.pg_trigger AS t JOIN holder AS h ON h.oid = t.tgrelid
     WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' AND t.tgtype & $2::int <> 0
     UNION ALL SELECT 'rule ' || pg_catalog.quote_ident(r.rulename) || ' of ' || r.ev_class::pg_catalog.regclass FROM pg_catalog.pg_rewrite AS r JOIN holder AS h ON h.oid = r.ev_class
     WHERE r.ev_type = $3 AND r.ev_enabled <> 'D' ORDER BY 1`,
    [name, ...EVENTS[event]],
  )
  return rows.length === 0 ? undefined : rows.map(([each]) => each).join(', ')
}

/** Held after a DELETE. `rows`: what follows FROM, of rows that should be gone. @throws ConfigError when a trigger or a rule has kept some */
export async function requireGone(session: LoadSession, loaded: Loaded, rows: string, values: readonly string[] = []): Promise<void> {
  const by = await keeper(session, loaded, 'delete')
  if (by === undefined) return
  const { count } = await session.query(`SELECT FROM ${rows} LIMIT 1`, values)
  if (count > 0) throw kept(loaded, `"${loaded.table}" still has rows that were deleted from it`, by)
}

/** Runs an INSERT or UPDATE. `rows`: what follows FROM, of just those rows that it should write. @throws ConfigError when a trigger or a rule has kept some from it */
export async function writeAll(
  session: LoadSession,
  loaded: Loaded,
  event: 'insert' | 'update',
  { rows, values = [] }: { readonly rows: string; readonly values?: readonly string[] },
  write: () => Promise<{ readonly count: number }>,
): Promise<number> {
  const by = await keeper(session, loaded, event)
  if (by === undefined) return (await write()).count
  const before = await session.query(`SELECT pg_catalog.count(*) FROM ${rows}`, values)
  const wanted = Number(before.rows[0]?.[0])
  const { count } = await write()
  if (count !== wanted) throw kept(loaded, `"${loaded.table}" took ${count} rows of ${wanted}`, by)
  return count
}

/** The error of a COPY that took other rows than were sent to it, where that is the table's own doing. */
export async function notTaken(session: LoadSession, loaded: Loaded, taken: number, sent: number): Promise<MillraceError | undefined> {
  const by = await keeper(session, loaded, 'insert')
  return by === undefined ? undefined : kept(loaded, `"${loaded.table}" took ${taken} rows of ${sent}`, by)
}

function kept({ table }: Loaded, what: string, by: string): ConfigError {
  return new ConfigError(`${what}: ${by} keeps rows from being written as they are`, {
    table,
    hint: 'drop or disable it, let it spare the loads by a WHEN, or load into another table',
  })
}
