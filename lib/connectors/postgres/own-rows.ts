import type { LoadSession } from './load-session.ts'
import type { Table } from './tables.ts'

/**
 * The tables ($1 and its partitions, of every level) that hold the rows of $1. Tables that inherit from a plain one are tables of their own: their rows are seen through it, but are not its rows.
 */
export const HOLDERS = `WITH RECURSIVE holder(oid) AS (SELECT $1::pg_catalog.regclass::pg_catalog.oid UNION ALL SELECT i.inhrelid FROM holder AS h
JOIN pg_catalog.pg_class AS c ON c.oid = h.oid AND c.relkind = 'p' JOIN pg_catalog.pg_inherits AS i ON i.inhparent = h.oid)`

/** The table (quoted) as a statement must name it that means its own rows: a partitioned one has none but those of its partitions. */
export function ownRows(name: string, { partitioned }: Pick<Table, 'partitioned'>): string {
  return partitioned ? name : `ONLY ${name}`
}

/** A foreign key of another table to this one or to one of its partitions. */
export interface Reference {
  readonly by: string
  readonly constraint: string
}

/** The first reference to rows of the table; `following`: that deletes or changes its own rows when those go. */
export async function referenceTo(session: LoadSession, { oid }: Pick<Table, 'oid'>, following = false): Promise<Reference | undefined> {
  const actions = following ? " AND k.confdeltype IN ('c', 'n', 'd')" : ''
  // Of a reference to a partitioned table each partition has a copy: the one that was declared comes first.
  const { rows } = await session.query(
    `${HOLDERS} SELECT k.conrelid::pg_catalog.regclass, k.conname FROM pg_catalog.pg_constraint AS k JOIN holder AS h ON h.oid = k.confrelid
     WHERE k.contype = 'f'${actions} ORDER BY k.conparentid <> 0, 1, 2 LIMIT 1`,
    [oid],
  )
  const [by, constraint] = rows[0] ?? []
  return by && constraint ? { by, constraint } : undefined
}

/** A reference to a partition alone whose rows would go when an update takes a row to another partition: that can be where the table is not partitioned by columns of `key` alone. */
export async function referenceLeft(
  session: LoadSession,
  { oid }: Pick<Table, 'oid'>,
  key: readonly string[],
): Promise<Reference | undefined> {
  const { rows } = await session.query(
    `${HOLDERS} SELECT k.conrelid::pg_catalog.regclass, k.conname FROM pg_catalog.pg_constraint AS k JOIN holder AS h ON h.oid = k.confrelid
     WHERE k.contype = 'f' AND k.confdeltype IN ('c', 'n', 'd') AND k.conparentid = 0 AND k.confrelid <> $1::pg_catalog.regclass AND EXISTS (
       SELECT FROM holder AS d JOIN pg_catalog.pg_partitioned_table AS p ON p.partrelid = d.oid CROSS JOIN pg_catalog.unnest(p.partattrs) AS by(n)
       LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = p.partrelid AND a.attnum = by.n
       WHERE a.attname IS NULL OR a.attname NOT IN (SELECT pg_catalog.json_array_elements_text($2::json))) ORDER BY 1, 2 LIMIT 1`,
    [oid, JSON.stringify(key)],
  )
  const [by, constraint] = rows[0] ?? []
  return by && constraint ? { by, constraint } : undefined
}
