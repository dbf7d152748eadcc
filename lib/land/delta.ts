import type { RunContext } from '../core/context.ts'
import type { Columns } from '../core/dataset.ts'
import { CheckError } from '../core/errors.ts'
import { quoteIdentifier } from '../core/quote.ts'
import type { DuckDB } from '../engines/duckdb.ts'
import { copyStatement, readParquet } from '../formats/parquet.ts'
import { type HistoryFile, LOAD, stateSelect } from './history.ts'
import { hasInfinity } from './loads.ts'
import { refuseInfinity, refuseNulls } from './no-cursor.ts'

/** A cursor dataset's read as it was staged, and what has landed before. */
export interface DeltaRequest {
  readonly dataset: string
  readonly columns: Columns
  readonly key: readonly string[]
  readonly cursor: string
  /** Local Parquet files. */
  readonly staged: readonly string[]
  /** All rows of the source were asked for. */
  readonly whole: boolean
  /** The columns by which a row is another one than the state's; default all. Further ones the state has not of all rows. */
  readonly compared?: Columns
  readonly history: { readonly rows: readonly HistoryFile[]; readonly gone: readonly HistoryFile[] }
  /** All keys of the source as staged, with `deletes: 'keys'`. */
  readonly keys?: readonly string[]
  /** The last landed cursor value as text. */
  readonly last?: string
}

/** What of a read is new. */
export interface Delta {
  readonly read: number
  /** Rows in `file`, one for each key. */
  readonly rows: number
  readonly superseded: number
  /** Local Parquet files: the new rows, and the keys that are gone. */
  readonly file: string
  readonly gone?: { readonly file: string; readonly rows: number }
  /** Keys that the source has and the landing has not, though they are no news: their cursor is before the last landed one. */
  readonly unseen: number
  /** The highest cursor value that has landed with this load, as text. */
  readonly to?: string
}

/**
 * Takes from a read what has not landed yet. Of several rows of a key the one with the latest cursor is kept; rows that equal the state's row of their key in all columns, or are older than it, are
 * dropped, so that duplicate, reordered and overlapping reads change nothing. New rows come ordered by key: the same read gives the same bytes.
 * @throws CheckError when key or cursor is NULL, a cursor is infinite, or two rows of a key with the same latest cursor differ: which is later cannot be known
 */
export async function deltaOf(request: DeltaRequest, folder: string, db: DuckDB, ctx: RunContext): Promise<Delta> {
  const { columns, key, cursor, staged, history, last } = request
  const { signal } = ctx
  const keys = key.map(quoteIdentifier).join(', ')
  const at = quoteIdentifier(cursor)
  const read = readParquet(staged)
  const meta = async (sql: string) => (await db.meta(sql, last === undefined ? undefined : { last }, signal))[0] ?? {}

  const counts =
    await meta(`SELECT count(*) AS read, count(*) FILTER (WHERE ${[...key, cursor].map((name) => `${quoteIdentifier(name)} IS NULL`).join(' OR ')}) AS nulls,
    CAST(greatest(max(${at})${last === undefined ? '' : `, CAST($last AS ${await typeOf(db, read, cursor)})`}) AS VARCHAR) AS until FROM ${read}`)
  if (counts.nulls !== '0') await refuseNulls(request, read, db, ctx)
  if (hasInfinity(columns[cursor])) await refuseInfinity(request, read, db, ctx)
  const several = await meta(`SELECT 1 AS found FROM ${read} GROUP BY ${keys} HAVING count(*) > 1 LIMIT 1`)
  if (several.found) await refuseTies(request, read, db, ctx)

  const [only, ...others] = staged
  let file = only
  if (file === undefined || others.length > 0 || several.found || history.rows.length > 0) {
    file = `${folder}/rows.parquet`
    const latest = several.found
      ? `SELECT * FROM ${read} QUALIFY row_number() OVER (PARTITION BY ${keys} ORDER BY ${at} DESC) = 1`
      : `SELECT * FROM ${read}`
    // Where all was read the whole state is wanted.
    const only = request.whole ? {} : { only: 'latest' }
    const same = Object.keys(request.compared ?? columns).map(
      (name) => `latest.${quoteIdentifier(name)} IS NOT DISTINCT FROM state.${quoteIdentifier(name)}`,
    )
    const joined = key.map((name) => `latest.${quoteIdentifier(name)} = state.${quoteIdentifier(name)}`)
    await db.run(
      copyStatement(
        `WITH latest AS ${several.found ? 'MATERIALIZED' : 'NOT MATERIALIZED'} (${latest}), state AS (${stateSelect({ columns, key, cursor, ...history, ...only })})
       SELECT ${Object.keys(columns).map((name) => `latest.${quoteIdentifier(name)}`)} FROM latest LEFT JOIN state ON ${joined.join(' AND ')}
       WHERE state.${LOAD} IS NULL OR (latest.${at} >= state.${at} AND NOT (${same.join(' AND ')}))
       ORDER BY ${key.map((name) => `latest.${quoteIdentifier(name)}`)}`,
        file,
      ),
      undefined,
      signal,
    )
  }
  const found = await meta(`SELECT count(*) AS rows FROM ${readParquet([file])}`)
  const distinct = several.found ? await meta(`SELECT count(*) AS keys FROM (SELECT DISTINCT ${keys} FROM ${read})`) : undefined
  const gone = await goneKeys(request, file, folder, db, ctx)
  return {
    read: Number(counts.read),
    rows: Number(found.rows),
    superseded: distinct ? Number(counts.read) - Number(distinct.keys) : 0,
    file,
    ...(gone.rows > 0 && { gone }),
    unseen: gone.unseen,
    ...(counts.until !== null && counts.until !== undefined && { to: counts.until }),
  }
}

/** Keys of the state that neither the source's keys nor the new rows have. */
async function goneKeys(
  request: DeltaRequest,
  rows: string,
  folder: string,
  db: DuckDB,
  ctx: RunContext,
): Promise<{ file: string; rows: number; unseen: number }> {
  const file = `${folder}/gone.parquet`
  if (request.keys === undefined) return { file, rows: 0, unseen: 0 }
  const { columns, key, cursor, history } = request
  const keys = key.map(quoteIdentifier).join(', ')
  const needed = Object.fromEntries([...key, cursor].map((name) => [name, columns[name] ?? 'text']))
  const state = `SELECT ${keys} FROM (${stateSelect({ columns: needed, key, cursor, ...history })})`
  const there = `SELECT ${keys} FROM ${readParquet(request.keys)}`
  const fresh = `SELECT ${keys} FROM ${readParquet([rows])}`
  const gone = `SELECT * FROM ((${state}) EXCEPT (${there}) EXCEPT (${fresh})) ORDER BY ${keys}`
  await db.run(copyStatement(gone, file), undefined, ctx.signal)
  const [found] = await db.meta(
    `SELECT (SELECT count(*) FROM ${readParquet([file])}) AS rows, (SELECT count(*) FROM ((${there}) EXCEPT (${state}) EXCEPT (${fresh}))) AS unseen`,
    undefined,
    ctx.signal,
  )
  return { file, rows: Number(found?.rows), unseen: Number(found?.unseen) }
}

async function refuseTies({ dataset, columns, key, cursor }: DeltaRequest, read: string, db: DuckDB, ctx: RunContext): Promise<void> {
  const keys = key.map(quoteIdentifier).join(', ')
  const all = Object.keys(columns).map(quoteIdentifier).join(', ')
  const [tie] = await db.meta(
    `SELECT ${keys}, any_value(${quoteIdentifier(cursor)}) AS ${LOAD} FROM (
       SELECT DISTINCT ${all} FROM ${read} SEMI JOIN (SELECT ${keys} FROM ${read} GROUP BY ${keys} HAVING count(*) > 1) USING (${keys})
       QUALIFY rank() OVER (PARTITION BY ${keys} ORDER BY ${quoteIdentifier(cursor)} DESC) = 1)
     GROUP BY ${keys} HAVING count(*) > 1 ORDER BY ${keys} LIMIT 1`,
    undefined,
    ctx.signal,
  )
  if (!tie) return
  const value = key.map((name) => `${name}=${tie[name]}`).join(' ')
  throw new CheckError(
    `two rows of "${dataset}" with ${value} have the same ${cursor} ${tie['_millrace load']} and differ: which one is later cannot be known`,
    {
      ...{ stage: 'land', pipeline: ctx.pipeline, dataset, column: cursor, value: value.slice(0, 200) },
      hint: 'add a column to the key, or choose a finer cursor',
    },
  )
}

async function typeOf(db: DuckDB, relation: string, column: string): Promise<string> {
  const [described] = await db.describe(`SELECT ${quoteIdentifier(column)} FROM ${relation}`)
  return described?.type ?? 'VARCHAR'
}
