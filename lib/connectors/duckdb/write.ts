import { ConfigError } from '../../core/errors.ts'
import { quoteIdentifier, quoteList } from '../../core/quote.ts'
import type { DuckDB } from '../../engines/duckdb.ts'
import { checkMergeKeys } from '../../engines/merge-keys.ts'
import { casts, relationOfFiles } from '../../engines/relation.ts'
import type { Disposition, LoadReceipt, LoadRequest } from '../warehouse.ts'

/** The table that a load writes, made and evolved before. */
export interface Target {
  readonly table: string
  /** Quoted. */
  readonly name: string
  /** Made in this transaction: it has no rows. */
  readonly isNew: boolean
}

type Merge = Extract<Disposition, { mode: 'merge' }>

/** Inserts the dataset's rows by column name, `s` being their name in `where`; gives how many. */
export function insertRows(db: DuckDB, target: Target, request: LoadRequest, where: string, signal: AbortSignal): Promise<number> {
  const { dataset } = request
  const columns = Object.keys(dataset.columns).map(quoteIdentifier).join(', ')
  return db.run(
    `INSERT INTO ${target.name} (${columns}, _partition, _load) ` +
      `SELECT ${columns}, CAST($partition AS VARCHAR), CAST($load AS VARCHAR) FROM (${relationOfFiles(dataset.columns, dataset.files)}) AS s ${where}`,
    { partition: request.token.partition, load: request.load },
    signal,
  )
}

/**
 * Tombstones delete their keys; then the rows that are not older than the table's of the same key take their place, and the others are counted as superseded. Later is: a greater `order` (NULL
 * is the least), of equal orders the greater `_partition`; without an order `_partition` alone. So the outcome does not depend on the order of loads. Three set operations: one delete join, one
 * insert with an anti-join, one grouping of the keys.
 * @throws CheckError for a NULL in a key, or a key that the dataset has twice
 */
export async function mergeRows(
  db: DuckDB,
  target: Target,
  request: LoadRequest,
  merge: Merge,
  signal: AbortSignal,
): Promise<Omit<LoadReceipt, 'added'>> {
  const { dataset, tombstones = [], token } = request
  const keyColumns = Object.fromEntries(merge.key.map((key) => [key, columnType(request, key)]))
  const total = await checkMergeKeys(db, { table: target.table, dataset, key: merge.key }, signal)
  let removed = 0
  if (target.isNew) return { rows: await insertRows(db, target, request, '', signal), removed, superseded: 0 }
  const sameKey = merge.key.map((key) => `t.${quoteIdentifier(key)} = s.${quoteIdentifier(key)}`).join(' AND ')
  if (tombstones.length > 0)
    removed += await db.run(
      `DELETE FROM ${target.name} AS t USING (SELECT DISTINCT ${casts(keyColumns)} FROM read_parquet(${quoteList(tombstones)}, hive_partitioning = false)) AS s WHERE ${sameKey}`,
      {},
      signal,
    )
  const order = merge.order
  const compared = order === undefined ? keyColumns : { ...keyColumns, [order]: columnType(request, order) }
  const o = order === undefined ? undefined : quoteIdentifier(order)
  const notOlder =
    o === undefined
      ? 't._partition <= $partition'
      : `(s.${o} > t.${o} OR (t.${o} IS NULL AND s.${o} IS NOT NULL) OR (s.${o} IS NOT DISTINCT FROM t.${o} AND t._partition <= $partition))`
  removed += await db.run(
    `DELETE FROM ${target.name} AS t USING (${relationOfFiles(compared, dataset.files)}) AS s WHERE ${sameKey} AND ${notOlder}`,
    { partition: token.partition },
    signal,
  )
  const rows = await insertRows(db, target, request, `WHERE NOT EXISTS (SELECT 1 FROM ${target.name} AS t WHERE ${sameKey})`, signal)
  return { rows, removed, superseded: total - rows }
}

function columnType({ dataset, table }: LoadRequest, column: string): string {
  const type = Object.hasOwn(dataset.columns, column) ? dataset.columns[column] : undefined
  if (type === undefined)
    throw new ConfigError(`merge into "${table}" needs the column "${column}", which ${dataset.name} does not have`, { table, column })
  return type
}
