import type { Client } from 'pg'
import { clockFinding, type Finding, fault, fine, looking, warning } from '../../core/finding.ts'
import { quoteIdentifier } from '../../core/quote.ts'
import type { CheckContext } from '../check.ts'
import { type Address, applicationName, connect, placeText } from './client.ts'
import { explained } from './faults.ts'
import { type Protection, protectionOf, type Settings } from './options.ts'
import { tableText } from './rows.ts'
import type { ServerUse } from './server.ts'
import { OWN_COLUMNS } from './tables.ts'
import { TOKENS } from './tokens.ts'

/** The oldest version that is tested. */
const TESTED = 15

/** `check` of a postgres connection, by one session: what the server is, how the session is protected, its clock and free connections; of a source, what pipelines read; of a warehouse, what they write. */
export async function checkServer(settings: Settings, server: ServerUse, ctx: CheckContext): Promise<readonly Finding[]> {
  try {
    const address = await server.address()
    const client = await connect(settings, address, applicationName(ctx))
    const end = () => void client.end().catch(() => undefined)
    ctx.signal.addEventListener('abort', end, { once: true })
    try {
      const findings = [
        ...(await serverFindings(client, settings, address, ctx)),
        ...(await looking('rights', () => (ctx.role === 'warehouse' ? writingRights : readingRights)(client, settings, ctx))),
      ]
      return findings
    } catch (error) {
      throw explained(error, `asking ${placeText(settings, address)}`)
    } finally {
      ctx.signal.removeEventListener('abort', end)
      await client.end().catch(() => undefined)
    }
  } catch (error) {
    return [fault('answers', error)]
  } finally {
    await server.release()
  }
}

interface About {
  readonly version: string
  readonly major: number
  readonly role: string
  readonly now: Date
  readonly standby: boolean
  readonly tls: string | null
  /** Connections that ordinary roles may have, and those that are there. */
  readonly room: number
  readonly used: number
  /** The same of the role itself; null: it has no limit. */
  readonly limit: number | null
  readonly own: number
}

// A role without rights sees of others' sessions no more than that they are there.
const ABOUT = `SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int / 10000 AS major, current_user AS role, clock_timestamp() AS now,
  pg_catalog.pg_is_in_recovery() AS standby,
  (SELECT s.version FROM pg_catalog.pg_stat_ssl s WHERE s.pid = pg_catalog.pg_backend_pid() AND s.ssl) AS tls,
  current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int AS room,
  (SELECT count(*)::int FROM pg_catalog.pg_stat_activity a WHERE a.datid IS NOT NULL) AS used,
  (SELECT nullif(r.rolconnlimit, -1) FROM pg_catalog.pg_roles r WHERE r.rolname = current_user AND NOT r.rolsuper) AS limit,
  (SELECT count(*)::int FROM pg_catalog.pg_stat_activity a WHERE a.usename = current_user AND a.pid <> pg_catalog.pg_backend_pid()) AS own`

async function serverFindings(
  client: Client,
  settings: Settings,
  address: Address,
  { clock, role }: CheckContext,
): Promise<readonly Finding[]> {
  const asked = clock.now().getTime()
  const about = (await client.query<About>(ABOUT)).rows[0] as About
  // The answer was made between question and arrival.
  const middle = new Date((asked + clock.now().getTime()) / 2)
  const answers = `PostgreSQL ${about.version}, as ${about.role}: ${placeText(settings, address)}`
  const free = about.room - about.used
  const { maxConnections } = settings
  return [
    about.major < TESTED ? warning('answers', answers, `millrace is tested with ${TESTED} and later`) : fine('answers', answers),
    tlsFinding(protectionOf(settings, address.host), about.tls),
    clockFinding(placeText(settings, address), about.now, middle),
    about.limit !== null && about.limit - about.own < maxConnections
      ? warning(
          'connections',
          `${Math.max(0, about.limit - about.own)} of the ${about.limit} of role ${about.role} are free, a run takes up to ${maxConnections}`,
          `lower maxConnections of the connection, or ALTER ROLE ${quoteIdentifier(about.role)} CONNECTION LIMIT …`,
        )
      : free < maxConnections
        ? warning(
            'connections',
            `${free} of ${about.room} are free, a run takes up to ${maxConnections}`,
            'lower maxConnections of the connection, or raise max_connections of the server',
          )
        : fine('connections', `${free} of ${about.room} are free, a run takes up to ${maxConnections}`),
    // A role or a database that only reads by default is no fault: a load's transaction says that it writes.
    ...(role === 'warehouse' && about.standby
      ? [fault('writing', 'the server is a standby, which only reads', { advice: 'name the primary server', kind: 'configuration' })]
      : []),
  ]
}

function tlsFinding(protection: Protection, version: string | null): Finding {
  if (protection === 'verify') return fine('tls', `${version ?? 'as a proxy before the server has it'}, the certificate verified`)
  if (protection === 'none') return fine('tls', 'none: the server is this machine')
  return warning(
    'tls',
    `insecure: ${version === null ? 'no TLS' : `${version}, any certificate is taken`}`,
    'give tls: { ca: … } in place of insecure: whoever is between can read and change everything',
  )
}

interface TableRights {
  readonly schema: string
  readonly table: string
  readonly there: boolean
  readonly usage: boolean
  /** Columns that may not be read: all are described before some are read. */
  readonly missing: readonly string[]
  readonly columns: number
  /** Policies say which rows this role sees. */
  readonly policies: boolean
}

async function readingRights(client: Client, settings: Settings, { requests }: CheckContext): Promise<readonly Finding[]> {
  const named = requests.flatMap((each) => (each.method === 'table' ? [{ table: each.table, schema: each.schema ?? settings.schema }] : []))
  if (named.length === 0) return []
  const { rows } = await client.query<TableRights & { readonly role: string }>(
    `SELECT DISTINCT w.schema, w."table", c.oid IS NOT NULL AS there, coalesce(pg_catalog.has_schema_privilege(n.oid, 'USAGE'), false) AS usage, current_user AS role, coalesce(pg_catalog.row_security_active(c.oid), false) AS policies,
       (SELECT count(*)::int FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
       ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
         AND NOT pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT') ORDER BY a.attnum) AS missing
     FROM unnest($1::text[], $2::text[]) AS w(schema, "table")
     LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = w.schema
     LEFT JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = w."table" AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
     ORDER BY 1, 2`,
    [named.map(({ schema }) => schema), named.map(({ table }) => table)],
  )
  const wrong = rows.flatMap((each) => {
    const [name, role] = [tableText(each), quoteIdentifier(each.role)]
    if (!each.there)
      return [
        fault('rights', `there is no table ${name}`, {
          advice: 'correct its name or its schema in the pipeline, or make it',
          kind: 'configuration',
        }),
      ]
    if (!each.usage) return [denied(`${name} cannot be reached`, `GRANT USAGE ON SCHEMA ${quoteIdentifier(each.schema)} TO ${role}`)]
    if (each.missing.length === 0) return []
    const which =
      each.missing.length === each.columns
        ? ''
        : `: not its ${each.missing.length === 1 ? 'column' : 'columns'} ${each.missing.map(quoteIdentifier).join(', ')}`
    return [denied(`${name} cannot be read${which}`, `GRANT SELECT ON ${name} TO ${role}`, which && 'or name the others in a query')]
  })
  const right = rows.length - wrong.length
  // May well be meant; but no row says that there are others.
  const filtered = rows.flatMap((each) =>
    each.policies && each.missing.length === 0
      ? [
          warning(
            'rights',
            `of ${tableText(each)} are read only the rows that its policies show to ${quoteIdentifier(each.role)}`,
            `where all are wanted, let a superuser say: ALTER ROLE ${quoteIdentifier(each.role)} BYPASSRLS`,
          ),
        ]
      : [],
  )
  return [
    ...(right > 0 ? [fine('rights', `can read ${right} of the ${rows.length} tables that pipelines name`)] : []),
    ...wrong,
    ...filtered,
  ]
}

interface SchemaRights {
  readonly there: boolean
  readonly usage: boolean
  readonly create: boolean
  readonly temporary: boolean
  readonly role: string
  readonly database: string
}

interface LoadedTable {
  readonly table: string
  readonly kind: string
  readonly owned: boolean
  readonly missing: string
  /** Policies would hide rows from this role. */
  readonly policies: boolean
  /** Has `_partition` and `_load`, of type text. */
  readonly loadable: boolean
}

async function writingRights(client: Client, { schema }: Settings, { tables }: CheckContext): Promise<readonly Finding[]> {
  const { rows } = await client.query<SchemaRights>(
    `SELECT n.oid IS NOT NULL AS there, coalesce(pg_catalog.has_schema_privilege(n.oid, 'USAGE'), false) AS usage, coalesce(pg_catalog.has_schema_privilege(n.oid, 'CREATE'), false) AS create,
       pg_catalog.has_database_privilege(current_database(), 'TEMPORARY') AS temporary, current_user AS role, current_database() AS database
     FROM (SELECT $1::text AS name) w LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = w.name`,
    [schema],
  )
  const rights = rows[0] as SchemaRights
  const [name, role] = [quoteIdentifier(schema), quoteIdentifier(rights.role)]
  if (!rights.there)
    return [fault('rights', `there is no schema ${name}`, { advice: `CREATE SCHEMA ${name} AUTHORIZATION ${role}`, kind: 'configuration' })]
  const loaded = await client.query<LoadedTable>(
    `SELECT c.relname AS "table", c.relkind AS kind, pg_catalog.pg_has_role(c.relowner, 'USAGE') AS owned, pg_catalog.row_security_active(c.oid) AS policies,
       (SELECT coalesce(string_agg(p, ', ' ORDER BY p), '') FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) p WHERE NOT pg_catalog.has_table_privilege(c.oid, p)) AS missing,
       (SELECT count(*) = cardinality($3::text[]) FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attname = ANY($3::text[]) AND a.atttypid = 'text'::regtype AND NOT a.attisdropped) AS loadable
     FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = ANY($2::text[]) ORDER BY 1`,
    [schema, [TOKENS, ...tables], OWN_COLUMNS],
  )
  const found = [
    ...(rights.usage ? [] : [denied(`schema ${name} cannot be reached`, `GRANT USAGE ON SCHEMA ${name} TO ${role}`)]),
    ...(rights.create ? [] : [denied(`no table can be made in schema ${name}`, `GRANT CREATE ON SCHEMA ${name} TO ${role}`)]),
    ...(rights.temporary
      ? []
      : [denied('no temporary table can be made', `GRANT TEMPORARY ON DATABASE ${quoteIdentifier(rights.database)} TO ${role}`)]),
    ...loaded.rows.flatMap((each) => tableFindings(each, tableText({ schema, table: each.table }), role)),
  ]
  return found.some(({ state }) => state === 'fault')
    ? found
    : [fine('rights', `can make tables in schema ${name}, and write the ${loaded.rows.length} that are there`), ...found]
}

function tableFindings({ table, kind, owned, policies, missing, loadable }: LoadedTable, name: string, role: string): Finding[] {
  if (kind !== 'r' && kind !== 'p')
    return [fault('rights', `${name} is no table`, { advice: 'drop it, or load into another table', kind: 'configuration' })]
  if (!loadable && table !== TOKENS)
    return [
      fault('rights', `${name} was not made by millrace: it has no columns ${OWN_COLUMNS.join(' and ')} of type text`, {
        advice: 'load into a table of another name, or give it these columns',
        kind: 'configuration',
      }),
    ]
  if (missing !== '') return [denied(`${name} cannot be written: ${missing} is missing`, `GRANT ${missing} ON ${name} TO ${role}`)]
  if (policies)
    return [
      fault('rights', `${name} has policies that hide rows from ${role}: no load goes into it`, {
        advice: `let a superuser say: ALTER ROLE ${role} BYPASSRLS`,
        kind: 'configuration',
      }),
    ]
  return owned
    ? []
    : [warning('rights', `${name} belongs to another role: columns and keys cannot be added to it`, `ALTER TABLE ${name} OWNER TO ${role}`)]
}

/** `sql`: what the owner can type. */
function denied(found: string, sql: string, or = ''): Finding {
  return fault('rights', found, { advice: `let its owner say: ${sql}${or && `; ${or}`}`, kind: 'configuration' })
}
