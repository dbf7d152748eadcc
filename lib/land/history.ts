import type { Store } from '../connectors/store.ts'
import type { RunContext } from '../core/context.ts'
import type { Columns } from '../core/dataset.ts'
import { canonicalJson } from '../core/hash.ts'
import { quoteIdentifier, quoteList } from '../core/quote.ts'
import { duckdbTypeFromText } from '../engines/types.ts'
import { readParquet } from '../formats/parquet.ts'
import { localFiles, verifyOnce } from './local-files.ts'
import { asOtherType } from './other-types.ts'
import type { StateLoads } from './state-loads.ts'

/** The column that says which load a row of a history came with. */
export const LOAD = quoteIdentifier('_millrace load')
const FILE = quoteIdentifier('_millrace file')

/** Local files of loads with the load of each. */
export interface HistoryFile {
  readonly path: string
  readonly load: number
  readonly columns: Columns
  readonly rows: number
  /** Each row says its load itself; `load` is the last of them. */
  readonly compacted?: boolean
}

/** The rows that have landed of a cursor dataset, and the keys that are gone. */
export interface History {
  readonly rows: readonly HistoryFile[]
  readonly gone: readonly HistoryFile[]
}

/**
 * The local files of a state's loads. Those that are compacted leave no keys that are gone: none of theirs are in it.
 * @throws CheckError naming a file that is missing or not as it was landed
 */
export async function historyFiles(store: Store, { compacted, loads }: StateLoads, ctx: RunContext): Promise<History> {
  const rows: HistoryFile[] = []
  const gone: HistoryFile[] = []
  await verifyOnce(store, loads, ctx)
  if (compacted) {
    const paths = await localFiles(store, compacted, compacted.files, ctx)
    for (const [i, { columns, rows: count }] of compacted.files.entries())
      rows.push({ path: paths[i] ?? '', load: compacted.to, columns, rows: count, compacted: true })
  }
  for (const load of loads) {
    const at = { load: load.id, columns: load.columns }
    const [paths, tombstones] = [await localFiles(store, load, load.files, ctx), await localFiles(store, load, load.tombstones ?? [], ctx)]
    for (const [i, path] of paths.entries()) rows.push({ path, ...at, rows: load.files[i]?.rows ?? 0 })
    for (const [i, path] of tombstones.entries()) gone.push({ path, ...at, rows: load.tombstones?.[i]?.rows ?? 0 })
  }
  return { rows, gone }
}

/** SELECT of all rows of files as `columns`, and the load of each: a column that a file has not is NULL, one of another type is cast, strictly. Zero rows for no files. */
export function historySelect(files: readonly HistoryFile[], columns: Columns): string {
  const groups = Map.groupBy(files, ({ columns: there, compacted = false }) => canonicalJson([compacted, Object.entries(there)]))
  const selects = [...groups.values()].map((group) => {
    const projection = Object.entries(columns).map(([name, type]) => projected(name, type, group[0]?.columns ?? {}))
    if (group[0]?.compacted) return `SELECT ${projection.join(', ')}, ${LOAD} FROM ${readParquet(group.map(({ path }) => path))}`
    const loads = `SELECT unnest(${quoteList(group.map(({ path }) => path))}) AS ${FILE}, unnest([${group.map(({ load }) => load).join(', ')}]::BIGINT[]) AS ${LOAD}`
    const read = readParquet(
      group.map(({ path }) => path),
      ["filename = '_millrace file'"],
    )
    return `SELECT ${projection.join(', ')}, ${LOAD} FROM ${read} JOIN (${loads}) USING (${FILE})`
  })
  const none = `SELECT ${Object.entries(columns).map(([name, type]) => `NULL::${duckdbTypeFromText(type)} AS ${quoteIdentifier(name)}`)}, 0::BIGINT AS ${LOAD} WHERE false`
  return selects.length > 0 ? selects.join('\nUNION ALL\n') : none
}

function projected(name: string, type: string, there: Columns): string {
  const column = quoteIdentifier(name)
  const duckdb = duckdbTypeFromText(type)
  if (!Object.hasOwn(there, name)) return `NULL::${duckdb} AS ${column}`
  return there[name] === type ? column : `${asOtherType(name, there[name] ?? type, type)} AS ${column}`
}

export interface StateQuery {
  readonly columns: Columns
  readonly key: readonly string[]
  readonly cursor: string
  readonly rows: readonly HistoryFile[]
  readonly gone: readonly HistoryFile[]
  /** A relation with the key columns: only these keys' state is wanted. */
  readonly only?: string
}

/**
 * SELECT of a cursor dataset's state with the load of each row: of each key the row with the latest cursor, of equal cursors that of the later load, and none of a key that is gone. A tombstone
 * takes the rows of earlier loads only, so a key that comes again is alive again. A key comes once in a load: of the biggest load, which is mostly the first, only the rows whose keys other loads have
 * too are sorted, the rest streams through. A compaction counts as one load.
 */
export function stateSelect({ columns, key, cursor, rows, gone, only }: StateQuery): string {
  const keys = key.map(quoteIdentifier).join(', ')
  const keyColumns = Object.fromEntries(key.map((name) => [name, columns[name] ?? 'text']))
  const restricted = only === undefined ? '' : ` SEMI JOIN ${only} USING (${keys})`
  const tombstones = `SELECT ${keys}, max(${LOAD}) AS gone_with FROM (${historySelect(gone, keyColumns)}) GROUP BY ${keys}`
  const alive = (files: readonly HistoryFile[]) => {
    const all = `SELECT * FROM (${historySelect(files, columns)})${restricted}`
    if (gone.length === 0) return all
    return `SELECT history.* FROM (${all}) AS history LEFT JOIN (${tombstones}) AS gone USING (${keys}) WHERE gone_with IS NULL OR ${LOAD} >= gone_with`
  }
  const biggest = biggestLoad(rows)
  const [most, rest] = [rows.filter(({ load }) => load === biggest), rows.filter(({ load }) => load !== biggest)]
  if (rest.length === 0) return alive(most)
  return `WITH most AS NOT MATERIALIZED (${alive(most)}), rest AS (${alive(rest)}), touched AS (SELECT DISTINCT ${keys} FROM rest)
SELECT * FROM most ANTI JOIN touched USING (${keys})
UNION ALL SELECT * FROM (SELECT * FROM rest UNION ALL SELECT * FROM most SEMI JOIN touched USING (${keys}))
QUALIFY row_number() OVER (PARTITION BY ${keys} ORDER BY ${quoteIdentifier(cursor)} DESC NULLS LAST, ${LOAD} DESC) = 1`
}

function biggestLoad(files: readonly HistoryFile[]): number | undefined {
  const sizes = new Map<number, number>()
  for (const { load, rows } of files) sizes.set(load, (sizes.get(load) ?? 0) + rows)
  return [...sizes].sort(([, a], [, b]) => b - a)[0]?.[0]
}
