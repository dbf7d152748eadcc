import type { RunContext } from '../../core/context.ts'
import type { Columns } from '../../core/dataset.ts'
import { ConfigError } from '../../core/errors.ts'
import { quoteIdentifier } from '../../core/quote.ts'
import type { DuckDB } from '../../engines/duckdb.ts'
import type { Disposition, LoadReceipt, LoadRequest } from '../warehouse.ts'
import { copyRows } from './copy-rows.ts'
import { requireGone, writeAll } from './kept-rows.ts'
import type { LoadSession } from './load-session.ts'
import { ownRows, referenceLeft, referenceTo } from './own-rows.ts'
import { columnDefinitions, type Table } from './tables.ts'
import { wireFor } from './wire.ts'

/** What a load works with, inside its transaction. */
export interface Work {
  readonly session: LoadSession
  readonly db: DuckDB
  /** DuckDB has postgres_scanner. */
  readonly extension: boolean
  readonly request: LoadRequest
  /** The target, quoted, with its schema. */
  readonly name: string
  readonly ctx: RunContext
}

type Merge = Extract<Disposition, { mode: 'merge' }>
type Written = Omit<LoadReceipt, 'added'>

/** The target as the rows come. */
export interface TargetState {
  /** The load's transaction has made it. */
  readonly made: boolean
  /** It fills `_partition` and `_load` itself. */
  readonly filled: boolean
}

/** Copies the dataset's rows straight into the target; gives how many. */
export function insertRows({ session, db, extension, request, name, ctx }: Work, { made, filled }: TargetState): Promise<number> {
  const { table, dataset, token, load } = request
  const { columns, files } = dataset
  const more = filled ? {} : { _partition: token.partition, _load: load }
  return copyRows(session, db, { table, columns, files, wire: wireFor(columns, extension), into: name, more, made }, ctx)
}

/**
 * Tombstones delete their keys; then the rows that are not older than the table's of the same key take their place, and the others are counted as superseded. Later is: a greater `order` (NULL is
 * the least), of equal orders the greater `_partition`; without an order `_partition` alone; text by its bytes. The rows come through a temporary table, which ends with the transaction.
 * Where other tables reference this one its rows are updated, so that no reference sees them go; else they are deleted and inserted, so that values of a unique column may change places.
 * @throws ConfigError for a column that the dataset does not have
 */
export async function mergeRows(work: Work, merge: Merge, existing: Table): Promise<Written> {
  const { session, db, extension, request, name, ctx } = work
  const { table, dataset, tombstones = [], token, load } = request
  const { columns, files } = dataset
  const target = ownRows(name, existing)
  const keys = Object.fromEntries(merge.key.map((key) => [key, columnType(request, key)]))
  const sameKey = merge.key.map((key) => `t.${quoteIdentifier(key)} = s.${quoteIdentifier(key)}`).join(' AND ')
  let removed = 0
  if (tombstones.length > 0) {
    await staging(session, 'millrace_gone', keys)
    const gone = { table, columns: keys, files: tombstones, wire: wireFor(keys, extension), into: 'pg_temp.millrace_gone' }
    await copyRows(session, db, gone, ctx)
    await session.query('ANALYZE pg_temp.millrace_gone')
    const answer = await session.query(
      `DELETE FROM ${target} AS t USING (SELECT DISTINCT * FROM pg_temp.millrace_gone) AS s WHERE ${sameKey}`,
    )
    await requireGone(session, { table, name }, `${target} AS t JOIN pg_temp.millrace_gone AS s ON ${sameKey}`)
    removed += answer.count
  }
  await staging(session, 'millrace_rows', columns)
  await copyRows(session, db, { table, columns, files, wire: wireFor(columns, extension), into: 'pg_temp.millrace_rows' }, ctx)
  await session.query('ANALYZE pg_temp.millrace_rows')
  const notOlder = laterOrEqual(request, merge.order)
  const newer = `${target} AS t JOIN pg_temp.millrace_rows AS s ON ${sameKey} AND ${notOlder}`
  const own = [token.partition, load]
  const names = Object.keys(columns).map(quoteIdentifier)
  let rows = 0
  if (await referenceTo(session, existing)) {
    const left = await referenceLeft(session, existing, merge.key)
    if (left)
      throw new ConfigError(`merge into "${table}" could delete or change rows of ${left.by} by its constraint ${left.constraint}`, {
        table,
        hint: 'it references one partition, which a row may leave: reference the whole table, or let the constraint be NO ACTION',
      })
    const set = names.map((column) => `${column} = s.${column}`).join(', ')
    const sql = `UPDATE ${target} AS t SET ${set}, _partition = $1, _load = $2 FROM pg_temp.millrace_rows AS s WHERE ${sameKey} AND ${notOlder}`
    const updated = await writeAll(session, { table, name }, 'update', { rows: newer, values: [token.partition] }, () =>
      session.query(sql, own),
    )
    rows += updated
    removed += updated
  } else {
    const deleted = await session.query(`DELETE FROM ${target} AS t USING pg_temp.millrace_rows AS s WHERE ${sameKey} AND ${notOlder}`, [
      token.partition,
    ])
    await requireGone(session, { table, name }, newer, [token.partition])
    removed += deleted.count
  }
  const others = `pg_temp.millrace_rows AS s WHERE NOT EXISTS (SELECT FROM ${target} AS t WHERE ${sameKey})`
  const given = names.map((column) => `s.${column}`).join(', ')
  rows += await writeAll(session, { table, name }, 'insert', { rows: others }, () =>
    session.query(`INSERT INTO ${name} (${names.join(', ')}, _partition, _load) SELECT ${given}, $1, $2 FROM ${others}`, own),
  )
  return { rows, removed, superseded: dataset.rows - rows }
}

/** The column of the dataset. @throws ConfigError when there is none */
export function columnType({ dataset, table }: LoadRequest, column: string): string {
  const type = Object.hasOwn(dataset.columns, column) ? dataset.columns[column] : undefined
  if (type === undefined)
    throw new ConfigError(`merge into "${table}" needs the column "${column}", which ${dataset.name} does not have`, { table, column })
  return type
}

async function staging(session: LoadSession, name: string, columns: Columns): Promise<void> {
  await session.query(`CREATE TEMPORARY TABLE ${name} (${columnDefinitions(columns).join(', ')}) ON COMMIT DROP`)
}

function laterOrEqual(request: LoadRequest, order: string | undefined): string {
  const partition = 't._partition COLLATE "C" <= $1'
  if (order === undefined) return partition
  const bytes = columnType(request, order) === 'text' ? ' COLLATE "C"' : ''
  const [t, s] = ['t', 's'].map((side) => `${side}.${quoteIdentifier(order)}${bytes}`)
  return `(${s} > ${t} OR (${t} IS NULL AND ${s} IS NOT NULL) OR (${s} IS NOT DISTINCT FROM ${t} AND ${partition}))`
}
