import { join } from 'node:path'
import type { Columns } from '../core/dataset.ts'
import { CheckError, PreconditionFailed } from '../core/errors.ts'
import { canonicalJson } from '../core/hash.ts'
import { quoteIdentifier } from '../core/quote.ts'
import { copyStatement, readParquet } from '../formats/parquet.ts'
import type { CompactedFile, CompactedLoads, LoadManifest } from '../state/manifest.ts'
import { textOfRecord } from '../state/manifest-text.ts'
import { provenance, putFile } from './commit.ts'
import { fingerprintOf } from './fingerprint.ts'
import { type History, historyFiles, historySelect, LOAD, stateSelect } from './history.ts'
import { compactedPlace } from './keys.ts'
import type { LandTools, Work } from './request.ts'
import { type StateLoads, type StateOf, stateLoads, typesOf } from './state-loads.ts'
import { sweepCompactions } from './sweep.ts'

/** Reading so many files more takes about as long as starting a run. */
const COMPACT_AFTER = 64

/**
 * Writes what a cursor dataset's loads add up to as one, for each full `every` loads once: up to the last load whose number is a multiple of it, so that runs that were killed compact the same loads as one that was not.
 * Called at the end of a landing, under its lock. The files first, then the record by create-if-absent: until then, and where another run is first, nothing has changed; nor has it for readers afterwards, who read fewer files
 * to the same state. Loads stay as they are. Gives the record that was committed.
 *
 * Not compacted are loads that are undecoded, and those in which key or cursor have other types than today.
 */
export async function compactLoads(
  of: StateOf,
  every: number | undefined,
  { store }: Pick<LandTools, 'store'>,
  work: Work,
): Promise<CompactedLoads | undefined> {
  const { ctx } = work
  const found = await stateLoads(store, of, ctx)
  const state = partToCompact(found, of, every ?? COMPACT_AFTER)
  if (!state) return undefined
  const place = compactedPlace(of.pipeline, of.dataset)
  const { id: to, contentHash, run } = state.newest
  // A record that does not count (its readers say why where something is damaged) keeps its name: the next compaction will do.
  if (await store.head(place.record(to))) return undefined
  await sweepCompactions(store, of.pipeline, of.dataset)
  const files: CompactedFile[] = []
  for (const { columns, file, rows } of await writeGroups(of, await historyFiles(store, state, ctx), work)) {
    const fingerprint = await fingerprintOf(file, ctx.signal)
    files.push({ ...(await putFile(place.file(to, fingerprint.sha256), { file, rows, fingerprint }, store, ctx)), columns })
  }
  ctx.signal.throwIfAborted()
  const record: CompactedLoads = {
    ...{ pipeline: of.pipeline, dataset: of.dataset, partition: '_all', to, contentHash },
    ...{ key: typesOf(of.columns, of.key), cursor: typesOf(of.columns, [of.cursor]), files },
    ...{ rows: files.reduce((sum, { rows }) => sum + rows, 0), run: { ...provenance(ctx), load: run.id } },
  }
  try {
    await store.put(place.record(to), { bytes: textOfRecord(record) }, { ifAbsent: true, contentType: 'application/json' })
  } catch (error) {
    // The same loads, compacted by another run meanwhile.
    if (error instanceof PreconditionFailed) return undefined
    throw error
  }
  return record
}

/** What is to be compacted, up to its newest load; undefined where that is done, or cannot be. */
export function partToCompact(
  { compacted, loads, newest }: StateLoads,
  { columns, key, cursor }: Pick<StateOf, 'columns' | 'key' | 'cursor'>,
  every: number,
): (StateLoads & { readonly newest: LoadManifest }) | undefined {
  const to = Math.floor((newest?.id ?? 0) / every) * every
  const part = loads.filter(({ id }) => id <= to)
  const last = part.at(-1)
  if (last?.id !== to || part.length + (compacted ? 1 : 0) < 2) return undefined
  const types = canonicalJson(typesOf(columns, [...key, cursor]))
  const fits = part.every((load) => !load.undecoded && canonicalJson(typesOf(load.columns, [...key, cursor])) === types)
  return fits ? { ...(compacted && { compacted }), loads: part, newest: last } : undefined
}

interface Group {
  readonly columns: Columns
  readonly file: string
  readonly rows: number
}

/** Writes the rows that count by the columns of their loads, so that no value is cast or left out, each with its load, ordered by key: the same loads give the same bytes. */
async function writeGroups({ key, cursor }: StateOf, { rows, gone }: History, { folder, db, ctx }: Work): Promise<Group[]> {
  const kinds = Map.groupBy(rows, ({ columns }) => canonicalJson(Object.entries(columns)))
  const groups: Group[] = []
  for (const own of kinds.values()) {
    const columns = own[0]?.columns ?? {}
    const file = join(folder, `compacted-${groups.length}.parquet`)
    const select = [...Object.keys(columns).map(quoteIdentifier), LOAD].join(', ')
    const keys = key.map(quoteIdentifier).join(', ')
    const told = typesOf(columns, [...key, cursor])
    const state =
      kinds.size === 1
        ? stateSelect({ columns, key, cursor, rows, gone })
        : `SELECT * FROM (${historySelect(own, columns)}) SEMI JOIN (${stateSelect({ columns: told, key, cursor, rows, gone })}) USING (${keys}, ${LOAD})`
    await db.run(copyStatement(`SELECT ${select} FROM (${state}) ORDER BY ${keys}`, file), undefined, ctx.signal)
    const [found] = await db.meta(`SELECT count(*) AS rows FROM ${readParquet([file])}`, undefined, ctx.signal)
    if (!found) throw new CheckError('an aggregate gave no row')
    if (found.rows !== '0') groups.push({ columns, file, rows: Number(found.rows) })
  }
  return groups
}
