import type { Store } from '../connectors/store.ts'
import type { RunContext } from '../core/context.ts'
import type { Columns } from '../core/dataset.ts'
import { canonicalJson } from '../core/hash.ts'
import { quoteIdentifier, quoteList } from '../core/quote.ts'
import { duckdbTypeFromText } from '../engines/types.ts'
import type { LoadManifest } from '../state/manifest.ts'
import { localFiles } from './local-files.ts'

/** The column that says which load a row of a history came with. */
export const LOAD = quoteIdentifier('_millrace load')
const FILE = quoteIdentifier('_millrace file')

/** Local files of loads with the load of each. */
export interface HistoryFile {
  readonly path: string
  readonly load: number
  readonly columns: Columns
}

/** The loads that a cursor dataset's state is made of: from the newest base on. */
export function loadsOfState(loads: readonly LoadManifest[]): readonly LoadManifest[] {
  const base = loads.findLastIndex((load) => load.base)
  return loads.slice(Math.max(base, 0))
}

/** @throws CheckError naming a file that is missing or cut short */
export async function historyFiles(
  store: Store,
  loads: readonly LoadManifest[],
  ctx: RunContext,
): Promise<{ readonly rows: HistoryFile[]; readonly gone: HistoryFile[] }> {
  const rows: HistoryFile[] = []
  const gone: HistoryFile[] = []
  for (const load of loads) {
    const at = { load: load.id, columns: load.columns }
    for (const path of await localFiles(store, load, load.files, ctx)) rows.push({ path, ...at })
    for (const path of await localFiles(store, load, load.tombstones ?? [], ctx)) gone.push({ path, ...at })
  }
  return { rows, gone }
}

/** SELECT of all rows of files as `columns`, and the load of each: a column that a file has not is NULL, one of another type is cast. Zero rows for no files. */
export function historySelect(files: readonly HistoryFile[], columns: Columns): string {
  const groups = Map.groupBy(files, (file) => canonicalJson(Object.entries(file.columns)))
  const selects = [...groups.values()].map((group) => {
    const projection = Object.entries(columns).map(([name, type]) => projected(name, type, group[0]?.columns ?? {}))
    const loads = `SELECT unnest(${quoteList(group.map(({ path }) => path))}) AS ${FILE}, unnest([${group.map(({ load }) => load).join(', ')}]::BIGINT[]) AS ${LOAD}`
    const paths = quoteList(group.map(({ path }) => path))
    return `SELECT ${projection.join(', ')}, ${LOAD} FROM read_parquet(${paths}, filename = '_millrace file') JOIN (${loads}) USING (${FILE})`
  })
  const none = `SELECT ${Object.entries(columns).map(([name, type]) => `NULL::${duckdbTypeFromText(type)} AS ${quoteIdentifier(name)}`)}, 0::BIGINT AS ${LOAD} WHERE false`
  return selects.length > 0 ? selects.join('\nUNION ALL\n') : none
}

function projected(name: string, type: string, there: Columns): string {
  const column = quoteIdentifier(name)
  const duckdb = duckdbTypeFromText(type)
  if (!Object.hasOwn(there, name)) return `NULL::${duckdb} AS ${column}`
  return there[name] === type ? column : `CAST(${column} AS ${duckdb}) AS ${column}`
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
 * takes the rows of earlier loads only, so a key that comes again is alive again.
 */
export function stateSelect({ columns, key, cursor, rows, gone, only }: StateQuery): string {
  const keys = key.map(quoteIdentifier).join(', ')
  const keyColumns = Object.fromEntries(key.map((name) => [name, columns[name] ?? 'text']))
  const names = Object.keys(columns).map(quoteIdentifier)
  const restricted = only === undefined ? '' : ` SEMI JOIN ${only} USING (${keys})`
  const alive =
    gone.length === 0
      ? 'history'
      : `(SELECT history.* FROM history LEFT JOIN (SELECT ${keys}, max(${LOAD}) AS gone_with FROM (${historySelect(gone, keyColumns)}) GROUP BY ${keys}) AS gone USING (${keys})
          WHERE gone_with IS NULL OR ${LOAD} >= gone_with)`
  return `WITH history AS (SELECT * FROM (${historySelect(rows, columns)})${restricted})
SELECT ${names.join(', ')}, ${LOAD} FROM ${alive}
QUALIFY row_number() OVER (PARTITION BY ${keys} ORDER BY ${quoteIdentifier(cursor)} DESC NULLS LAST, ${LOAD} DESC) = 1`
}
