import { quoteLiteral } from '../../core/quote.ts'
import type { LoadSession } from './load-session.ts'
import type { Settings } from './options.ts'
import type { Table } from './tables.ts'

/** An index that was dropped, and what makes it again as it was. */
export interface DroppedIndex {
  readonly statements: readonly string[]
}

/**
 * Indexes that nothing else rests on: not unique, of no constraint, not clustered by, not replicated by, no part of a partitioned one, without statistics targets of their own.
 */
const PLAIN = `SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), pg_catalog.pg_get_indexdef(i.indexrelid), pg_catalog.quote_ident(s.spcname), pg_catalog.obj_description(i.indexrelid, 'pg_class')
FROM pg_catalog.pg_index AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_tablespace AS s ON s.oid = c.reltablespace
WHERE i.indrelid = $1 AND c.relkind = 'i' AND i.indisvalid AND NOT (i.indisunique OR i.indisprimary OR i.indisexclusion OR i.indisclustered OR i.indisreplident)
AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint AS k WHERE k.conindid = i.indexrelid)
AND NOT EXISTS (SELECT FROM pg_catalog.pg_inherits AS h WHERE h.inhrelid = i.indexrelid)
AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d WHERE d.refobjid = i.indexrelid OR (d.objid = i.indexrelid AND d.deptype IN ('e', 'x')))
AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = i.indexrelid AND coalesce(a.attstattarget, -1) <> -1)
ORDER BY c.relname`

/** How long a drop may keep readers waiting behind it, at most. */
const LOCK_MS = 1000

/**
 * Drops the indexes that can be built again after a table's rows were replaced: three times as quick as keeping them up row by row. Readers wait from then on until the end of the transaction; where somebody
 * has the table open for longer than a second, the indexes stay, and are kept up.
 * @returns undefined when they had to stay
 */
export async function dropIndexes(
  session: LoadSession,
  name: string,
  table: Table,
  settings: Settings,
): Promise<readonly DroppedIndex[] | undefined> {
  if (!table.owned) return []
  const { rows } = await session.query(PLAIN, [table.oid])
  if (rows.length === 0) return []
  await session.query('SAVEPOINT millrace_indexes')
  await session.query(`SET LOCAL lock_timeout = ${Math.min(LOCK_MS, settings.lockTimeoutMs || LOCK_MS)}`)
  try {
    await session.query(`LOCK TABLE ONLY ${name} IN ACCESS EXCLUSIVE MODE`)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === '55P03')) throw error
    await session.query('ROLLBACK TO SAVEPOINT millrace_indexes')
    return undefined
  }
  await session.query(`SET LOCAL lock_timeout = ${settings.lockTimeoutMs}`)
  const dropped: DroppedIndex[] = []
  for (const [index, definition, tablespace, comment] of rows) {
    await session.query(`DROP INDEX ${index}`)
    const more = [
      ...(tablespace ? [`ALTER INDEX ${index} SET TABLESPACE ${tablespace}`] : []),
      ...(comment ? [`COMMENT ON INDEX ${index} IS ${quoteLiteral(comment)}`] : []),
    ]
    dropped.push({ statements: [definition ?? '', ...more] })
  }
  return dropped
}

/**
 * Makes dropped indexes again. What deferred constraints and triggers still have to look at is looked at now, when the table's rows are all there: until then the server makes no index, for the whole
 * transaction.
 */
export async function buildIndexes(session: LoadSession, dropped: readonly DroppedIndex[]): Promise<void> {
  if (dropped.length > 0) await session.query('SET CONSTRAINTS ALL IMMEDIATE')
  for (const { statements } of dropped) for (const each of statements) await session.query(each)
}
