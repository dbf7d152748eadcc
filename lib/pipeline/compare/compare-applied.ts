import type { RunContext } from '../../core/context.ts'
import type { Columns, Dataset } from '../../core/dataset.ts'
import { quoteIdentifier } from '../../core/quote.ts'
import type { DuckDB } from '../../engines/duckdb.ts'
import { checkMergeKeys } from '../../engines/merge-keys.ts'
import { casts, emptyRelation, relationOfFiles } from '../../engines/relation.ts'
import { readParquet } from '../../formats/parquet.ts'
import type { LoadTarget } from '../define/bind.ts'
import type { Session } from '../run/session.ts'
import type { TargetComparison } from './compare-report.ts'
import { differencesOf } from './differences.ts'
import { comparingEngine, presentFile } from './present.ts'
import { comparedColumnsOf, sideOfSelect } from './sides.ts'

/** What one landed load would bring into a table. */
export interface AppliedLoad {
  readonly dataset: Dataset
  /** Parquet files of keys that are gone. */
  readonly tombstones?: readonly string[]
  /** The column that decides which of two rows of a key is later; absent: the later load. */
  readonly order?: string
}

/** What is compared with a table that takes landed loads one by one. */
export interface ComparedLoads {
  readonly session: Pick<Session, 'pipeline' | 'warehouse' | 'openEngine'>
  readonly target: LoadTarget
  /** In the order in which they would be applied; at least one, all of the same columns. */
  readonly loads: readonly AppliedLoad[]
  /** Where rows that differ go, as Parquet. */
  readonly sample: string
}

/**
 * Compares what a table holds with what it would hold after these loads, by the rules by which a warehouse merges: of a merge the rows of the keys that come or go, of an append what is added.
 * @throws CheckError for a load that has a key twice, or NULL in one, as the merge itself
 */
export async function compareApplied(compared: ComparedLoads, ctx: RunContext): Promise<TargetComparison> {
  const { session, target } = compared
  const db = await comparingEngine(session, ctx)
  try {
    return await (target.load.disposition.mode === 'merge' ? compareMerged(compared, db, ctx) : compareAppended(compared, db, ctx))
  } finally {
    db.close()
  }
}

const NUMBER = '__millrace_load'

/** Rows of all loads, with the place of each load. */
function rowsOf(loads: readonly AppliedLoad[]): string {
  return loads
    .map(({ dataset }, i) => `SELECT *, ${i} AS ${NUMBER} FROM (${relationOfFiles(dataset.columns, dataset.files)})`)
    .join(' UNION ALL ')
}

/** What is there stays as it is, and is not read. */
async function compareAppended({ session, target, loads, sample }: ComparedLoads, db: DuckDB, ctx: RunContext): Promise<TargetComparison> {
  const wanted = columnsOf(loads)
  const there = await session.warehouse().describe(target.load.table, ctx)
  const { columns, ...shape } = comparedColumnsOf(there ?? wanted, wanted)
  const before = await sideOfSelect(db, emptyRelation(wanted), columns, ctx.signal)
  const after = await sideOfSelect(db, rowsOf(loads), columns, ctx.signal)
  const found = await differencesOf({ db, before, after, key: [], sample, signal: ctx.signal })
  return { ...about(target), ...shape, ...found, staying: 0, superseded: 0, first: there === undefined }
}

async function compareMerged({ session, target, loads, sample }: ComparedLoads, db: DuckDB, ctx: RunContext): Promise<TargetComparison> {
  const { table, disposition } = target.load
  const key = disposition.mode === 'merge' ? disposition.key : []
  for (const { dataset } of loads) await checkMergeKeys(db, { table, dataset, key }, ctx.signal)
  const wanted = columnsOf(loads)
  const keys = Object.fromEntries(key.map((name) => [name, wanted[name] ?? '']))
  const files = loads.flatMap(({ dataset, tombstones = [] }) => [...dataset.files, ...tombstones])
  const path = presentFile(table, ctx)
  const present = await session.warehouse().copyOut({ table, columns: wanted, path, keys: { columns: keys, files } }, ctx)
  const { columns, ...shape } = comparedColumnsOf(present?.columns ?? wanted, wanted)
  const none = !present || present.rows === 0
  const kept = Object.fromEntries(columns.map((name) => [name, wanted[name] ?? '']))
  await db.run(
    `CREATE TEMP VIEW __there AS ${none ? emptyRelation({ ...wanted, _partition: 'text' }) : relationOfFiles({ ...kept, _partition: 'text' }, [path])}`,
  )
  await merge(
    db,
    { key, keys, loads, order: loads.find(({ order }) => order !== undefined && (none || columns.includes(order)))?.order },
    ctx,
  )
  const before = await sideOfSelect(db, 'SELECT * FROM __there', columns, ctx.signal)
  const list = columns.map(quoteIdentifier).join(', ')
  const after = await sideOfSelect(db, `SELECT ${list} FROM __staying UNION ALL SELECT ${list} FROM __entering`, columns, ctx.signal)
  const found = await differencesOf({ db, before, after, key, sample, signal: ctx.signal })
  const [left] = await db.meta('SELECT (SELECT count(*) FROM __latest) - (SELECT count(*) FROM __entering) AS n')
  return { ...about(target), ...shape, ...found, staying: 0, superseded: Number(left?.n), first: !present }
}

/**
 * Of what is there (`__there`) what would stay (`__staying`), and of the loads' rows the latest of each key (`__latest`) that would enter (`__entering`): what the loads come to, merged one after the other. Tombstones of a load go before its rows; a row takes the place of
 * one that is not later, by `order` (NULL is the least), then `_partition`, which loads have none of.
 */
async function merge(
  db: DuckDB,
  { key, keys, loads, order }: Pick<ComparedLoads, 'loads'> & { key: readonly string[]; keys: Columns; order: string | undefined },
  { signal }: RunContext,
): Promise<void> {
  const same = key.map((name) => `t.${quoteIdentifier(name)} = s.${quoteIdentifier(name)}`).join(' AND ')
  const names = key.map(quoteIdentifier).join(', ')
  const tombstones = loads.flatMap(({ tombstones: files = [] }, i) =>
    files.length > 0 ? [`SELECT ${casts(keys)}, ${i} AS ${NUMBER} FROM ${readParquet(files)}`] : [],
  )
  const gone = [`SELECT *, 0 AS ${NUMBER} FROM (${emptyRelation(keys)})`, ...tombstones].join(' UNION ALL ')
  const o = order === undefined ? undefined : quoteIdentifier(order)
  const latest = [...(o === undefined ? [] : [`${o} DESC NULLS LAST`]), `${NUMBER} DESC`].join(', ')
  const notOlder =
    o === undefined
      ? `t._partition <= ''`
      : `(s.${o} > t.${o} OR (t.${o} IS NULL AND s.${o} IS NOT NULL) OR (s.${o} IS NOT DISTINCT FROM t.${o} AND t._partition <= ''))`
  for (const [table, select] of [
    ['__gone', `SELECT ${names}, max(${NUMBER}) AS ${NUMBER} FROM (${gone}) GROUP BY ${names}`],
    [
      '__latest',
      `SELECT * EXCLUDE (${NUMBER}) FROM (${rowsOf(loads)}) AS s WHERE NOT EXISTS (SELECT 1 FROM __gone AS t WHERE ${same} AND t.${NUMBER} > s.${NUMBER}) ` +
        `QUALIFY row_number() OVER (PARTITION BY ${names} ORDER BY ${latest}) = 1`,
    ],
    [
      '__staying',
      `SELECT * FROM __there AS t WHERE NOT EXISTS (SELECT 1 FROM __gone AS s WHERE ${same}) AND NOT EXISTS (SELECT 1 FROM __latest AS s WHERE ${same} AND ${notOlder})`,
    ],
    ['__entering', `SELECT * FROM __latest AS s WHERE NOT EXISTS (SELECT 1 FROM __staying AS t WHERE ${same})`],
  ])
    await db.run(`CREATE TEMP TABLE ${table} AS ${select}`, undefined, signal)
}

function about({ dataset, load: { table } }: LoadTarget) {
  return { stage: 'load', dataset, target: table } as const
}

function columnsOf([first]: readonly AppliedLoad[]): Columns {
  if (!first) throw new RangeError('there is no load to compare')
  return first.dataset.columns
}
