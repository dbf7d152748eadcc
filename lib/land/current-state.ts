import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Store } from '../connectors/store.ts'
import type { RunContext } from '../core/context.ts'
import type { Columns, Dataset } from '../core/dataset.ts'
import { refusedByDisk } from '../core/disk-refusal.ts'
import { ConfigError, placed } from '../core/errors.ts'
import { hashOf } from '../core/hash.ts'
import { keyPart } from '../core/key-part.ts'
import { quoteIdentifier } from '../core/quote.ts'
import { type DuckDB, openDuckDB } from '../engines/duckdb.ts'
import type { OpenEngine } from '../engines/engine-pool.ts'
import { copyStatement } from '../formats/parquet.ts'
import { type Content, contentOf } from './content-hash.ts'
import { historyFiles, stateSelect } from './history.ts'
import { compactedPlace, landingPlace } from './keys.ts'
import { overLanded } from './other-types.ts'
import { type StateOf, stateLoads } from './state-loads.ts'

/** A dataset's current state, and the records of the landing that it was read by. */
export interface CurrentState extends Dataset {
  /** Their keys; that of the newest load among them. */
  readonly manifests: readonly string[]
}

/**
 * The current state of a cursor dataset, as one Parquet file in the workspace that both engines read: the latest row of each key over all loads, less those that are gone. `columns` are those of
 * schema.ts: one that older loads have not is NULL there, one of another type is cast, strictly. Rows come in any order; `hash` is that of the content, which no compaction changes, `hashesOf` has that of these columns alone. Written anew at each call: call it once for each invocation, under the lock of the shared datasets.
 * @throws ConfigError when nothing has landed, CheckError naming a landed file that is missing or cut short, or a landed value that does not fit the type of today
 */
export async function currentState(
  store: Store,
  request: StateOf,
  ctx: RunContext,
  openEngine: OpenEngine = openDuckDB,
  hashed: readonly (readonly string[])[] = [],
): Promise<CurrentState> {
  const { pipeline, dataset, columns, key, cursor } = request
  const folder = join(ctx.workspace, 'state')
  const file = join(folder, `${keyPart(dataset)}.parquet`)
  try {
    await mkdir(folder, { recursive: true })
    const state = await stateLoads(store, request, ctx)
    const { compacted, loads, newest } = state
    if (!newest) throw new ConfigError(`nothing of "${dataset}" has landed`, { hint: `run millrace run ${pipeline}` })
    const { rows, gone } = await historyFiles(store, state, ctx)
    const { memoryBytes, threads } = ctx.limits
    const db = await openEngine({ memoryBytes, threads, temp: join(folder, 'spill'), preserveOrder: false })
    try {
      const names = Object.keys(columns).map(quoteIdentifier).join(', ')
      const select = `SELECT ${names} FROM (${stateSelect({ columns, key, cursor, rows, gone })})`
      await overLanded(() => db.run(copyStatement(select, file), undefined, ctx.signal), [...rows, ...gone], { dataset, columns }, db, ctx)
      const content = await contentOf(db, [file], columns, ctx.signal)
      const hashesOf: Record<string, string> = {}
      for (const some of hashed) hashesOf[JSON.stringify(some)] = await hashOfSome(some, { db, file, columns, content }, ctx)
      const place = landingPlace(pipeline, dataset, '_all')
      const manifests = new Set([...loads, newest].map(({ id }) => place.manifest(id)))
      if (compacted) manifests.add(compactedPlace(pipeline, dataset).record(compacted.to))
      return { name: dataset, columns, files: [file], ...content, hashesOf, manifests: [...manifests] }
    } finally {
      db.close()
    }
  } catch (error) {
    throw placed(refusedByDisk(error, file), { stage: 'land', pipeline, dataset })
  }
}

/** Names the content as far as it consists of some columns, the same whatever others there are. */
async function hashOfSome(
  names: readonly string[],
  state: { readonly db: DuckDB; readonly file: string; readonly columns: Columns; readonly content: Content },
  ctx: RunContext,
): Promise<string> {
  const { db, file, columns, content } = state
  if (names.length === 0) return hashOf({ name: 'millrace1-rows', rows: content.rows }).slice(0, 32)
  // In the order of schema.ts, so that all of them are the content itself.
  const some = Object.fromEntries(Object.entries(columns).filter(([name]) => names.includes(name)))
  const same = Object.keys(some).length === Object.keys(columns).length
  return same ? content.hash : (await contentOf(db, [file], some, ctx.signal)).hash
}
