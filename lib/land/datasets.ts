import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Store } from '../connectors/store.ts'
import type { RunContext } from '../core/context.ts'
import type { Columns, Dataset } from '../core/dataset.ts'
import { CheckError, ConfigError } from '../core/errors.ts'
import { canonicalJson, hashOf } from '../core/hash.ts'
import { keyPart } from '../core/key-part.ts'
import { quoteIdentifier } from '../core/quote.ts'
import { type DuckDB, openDuckDB } from '../engines/duckdb.ts'
import { copyStatement, readParquet } from '../formats/parquet.ts'
import type { LoadManifest } from '../state/manifest.ts'
import { historySelect } from './history.ts'
import { localFiles, verifyOnce } from './local-files.ts'
import { overLanded } from './other-types.ts'

export { verifyFiles, verifyOnce } from './local-files.ts'

/**
 * The dataset that loads of window and whole kinds add up to: `loads` are of one dataset, one for each partition, at least one. Presence and size of every file are looked at;
 * before anything is computed from them, `verifyOnce` compares their bytes. `read`: the columns that anybody reads of it, where not all; in others the loads may differ, and those that not all of them have are left out, though files may hold them.
 * @throws CheckError naming a file that is missing or cut short, ConfigError when the loads have not the same columns
 */
export async function datasetOfLoads(
  store: Store,
  loads: readonly LoadManifest[],
  ctx: RunContext,
  read?: readonly string[],
): Promise<Dataset> {
  const [first, ...others] = loads
  if (!first) throw new RangeError('a dataset needs a load')
  const of = (load: LoadManifest) => canonicalJson(read ? read.map((name) => load.columns[name] ?? null) : Object.entries(load.columns))
  const other = others.find((load) => of(load) !== of(first))
  if (other)
    throw new ConfigError(`"${first.dataset}" has landed with other columns in partition ${other.partition} than in ${first.partition}`, {
      ...{ stage: 'land', pipeline: first.pipeline, dataset: first.dataset, partition: first.partition },
      hint: `read the older one again: millrace run ${first.pipeline} --partition ${first.partition} --refresh`,
    })
  const files = await Promise.all(loads.map((load) => localFiles(store, load, load.files, ctx)))
  return {
    name: first.dataset,
    columns: read ? columnsOfAll(loads, first.columns) : first.columns,
    files: files.flat(),
    rows: loads.reduce((sum, load) => sum + load.rows, 0),
    hash: others.length === 0 ? first.contentHash : hashOf(loads.map(({ contentHash }) => contentHash)).slice(0, 32),
  }
}

function columnsOfAll(loads: readonly LoadManifest[], columns: Columns): Columns {
  return Object.fromEntries(Object.entries(columns).filter(([name, type]) => loads.every((load) => load.columns[name] === type)))
}

/** What one load of a cursor dataset brought. */
export interface Changes {
  /** The load's rows, one for each key, named `<dataset>.changes`. */
  readonly dataset: Dataset
  /** Local Parquet files with the keys that are gone; absent when there are none. */
  readonly tombstones?: readonly string[]
}

/**
 * The changes that one load of a cursor dataset brought, with the columns wanted: those of schema.ts. A column that the load has not is NULL, one of another type is cast, strictly, as in the current state.
 * @throws CheckError naming a file that is missing or not as it was landed, or a value that does not fit
 */
export async function changesOf(store: Store, load: LoadManifest, columns: Columns, ctx: RunContext): Promise<Changes> {
  await verifyOnce(store, [load], ctx)
  const landed = await localFiles(store, load, load.files, ctx)
  const tombstones = await localFiles(store, load, load.tombstones ?? [], ctx)
  const same = canonicalJson(Object.entries(load.columns)) === canonicalJson(Object.entries(columns))
  const files = same ? landed : [await withColumns(load, landed, columns, ctx)]
  return {
    dataset: { name: `${load.dataset}.changes`, columns, files, rows: load.rows, hash: load.contentHash },
    ...(tombstones.length > 0 && { tombstones }),
  }
}

/** Writes a load's rows once more, with other columns than they landed with. */
async function withColumns({ id, dataset, columns: there }: LoadManifest, files: readonly string[], columns: Columns, ctx: RunContext) {
  const { memoryBytes, threads } = ctx.limits
  const folder = join(ctx.workspace, 'changes')
  await mkdir(folder, { recursive: true })
  const file = join(folder, `${keyPart(dataset)}-${id}.parquet`)
  const db = await openDuckDB({ memoryBytes, threads, temp: join(folder, 'spill') })
  try {
    const names = Object.keys(columns).map(quoteIdentifier).join(', ')
    const history = files.map((path) => ({ path, load: id, columns: there, rows: 0 }))
    const statement = copyStatement(`SELECT ${names} FROM (${historySelect(history, columns)})`, file)
    await overLanded(() => db.run(statement, undefined, ctx.signal), history, { dataset, columns }, db, ctx)
    return file
  } finally {
    db.close()
  }
}

const MOST_VALUES = 10_000

/**
 * The distinct values of a column as text, ascending by the column's own order, without NULL: what parent → child requests are made for.
 * @throws CheckError beyond 10,000 of them
 */
export async function distinctValues(
  { name, files }: Dataset,
  column: string,
  db: DuckDB,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const value = quoteIdentifier(column)
  const distinct = `SELECT DISTINCT ${value} FROM ${readParquet(files)} WHERE ${value} IS NOT NULL`
  const [counted] = await db.meta(`SELECT count(*) AS n FROM (${distinct} LIMIT ${MOST_VALUES + 1})`, undefined, signal)
  if (Number(counted?.n) > MOST_VALUES)
    throw new CheckError(`"${name}" has more than 10,000 values of "${column}": a request for each is too many`, {
      stage: 'extract',
      dataset: name,
      column,
    })
  const values = await db.meta(`SELECT CAST(${value} AS VARCHAR) AS value FROM (${distinct} ORDER BY 1)`, undefined, signal)
  return values.map((row) => String(row.value))
}
