import { text } from 'node:stream/consumers'
import type { Store } from '../connectors/store.ts'
import type { RunContext } from '../core/context.ts'
import type { Columns } from '../core/dataset.ts'
import { CheckError } from '../core/errors.ts'
import { canonicalJson } from '../core/hash.ts'
import type { CompactedLoads, LoadManifest } from '../state/manifest.ts'
import { parseCompacted } from '../state/manifest-text.ts'
import { compactedPlace, recordOfKey } from './keys.ts'
import { loadsOf } from './loads.ts'
import { verifyOnce } from './local-files.ts'

/** A cursor dataset, and by what the rows of its state are told. */
export interface StateOf {
  readonly pipeline: string
  readonly dataset: string
  /** As wanted today. */
  readonly columns: Columns
  readonly key: readonly string[]
  readonly cursor: string
}

/** What a cursor dataset's state is read from. */
export interface StateLoads {
  /** Stands for all loads up to its last. */
  readonly compacted?: CompactedLoads
  /** Those after it, ascending; without one, those from the newest base on. */
  readonly loads: readonly LoadManifest[]
  /** The current load; undefined when nothing has landed. */
  readonly newest?: LoadManifest
}

/**
 * What a cursor dataset's state is read from: the newest compaction that counts, and the loads after it. One counts if the load at its end is the one that is there, the state does not begin anew after it, it was made by
 * today's key and cursor, and its files are what they were; else the loads themselves do, with a warning where something is damaged.
 * @throws CheckError for a damaged manifest of a load
 */
export async function stateLoads(store: Store, of: StateOf, ctx: RunContext): Promise<StateLoads> {
  for (const to of await compactionsOf(store, of.pipeline, of.dataset)) {
    const compacted = await compactionThatCounts(store, of, to, ctx)
    if (!compacted) continue
    const [last, ...loads] = await loadsOf(store, of.pipeline, of.dataset, '_all', to - 1)
    if (last?.id !== to || last.contentHash !== compacted.contentHash || last.run.id !== compacted.run.load) continue
    if (loads.some(({ base }) => base)) break
    return { compacted, loads, newest: loads.at(-1) ?? last }
  }
  return loadsAlone(await loadsOf(store, of.pipeline, of.dataset, '_all'))
}

/** The loads that a state is made of where none are compacted: from the newest base on. */
export function loadsAlone(all: readonly LoadManifest[]): StateLoads {
  const newest = all.at(-1)
  return { loads: loadsOfState(all), ...(newest && { newest }) }
}

/** Of a cursor dataset's loads those from the newest base on. */
export function loadsOfState(loads: readonly LoadManifest[]): readonly LoadManifest[] {
  const base = loads.findLastIndex((load) => load.base)
  return loads.slice(Math.max(base, 0))
}

/** The last loads of a dataset's compactions, the newest first. */
export async function compactionsOf(store: Store, pipeline: string, dataset: string): Promise<number[]> {
  const found: number[] = []
  for await (const key of store.list(compactedPlace(pipeline, dataset).folder)) {
    const record = recordOfKey(key)
    if (record && record.confirmed === undefined) found.push(record.id)
  }
  return found.sort((a, b) => b - a)
}

/** @throws CheckError when the record is damaged */
export async function readCompaction(store: Store, pipeline: string, dataset: string, to: number): Promise<CompactedLoads> {
  const key = compactedPlace(pipeline, dataset).record(to)
  const compacted = await parseCompacted(await text(await store.get(key)), key)
  if (compacted.pipeline !== pipeline || compacted.dataset !== dataset || compacted.to !== to)
    throw new CheckError(`the landing record ${key} is of other loads: ${compacted.pipeline}, ${compacted.dataset}, ${compacted.to}`, {
      ...{ stage: 'land', pipeline, dataset, file: key, hint: 'it was copied there: remove it' },
    })
  return compacted
}

async function compactionThatCounts(store: Store, of: StateOf, to: number, ctx: RunContext): Promise<CompactedLoads | undefined> {
  try {
    const compacted = await readCompaction(store, of.pipeline, of.dataset, to)
    const [key, cursor] = [typesOf(of.columns, of.key), typesOf(of.columns, [of.cursor])]
    if (canonicalJson(compacted.key) !== canonicalJson(key) || canonicalJson(compacted.cursor) !== canonicalJson(cursor)) return undefined
    await verifyOnce(store, [compacted], ctx)
    return compacted
  } catch (error) {
    if (!(error instanceof CheckError)) throw error
    const message = `${error.message}; the loads that are compacted there are read themselves`
    ctx.emit({ type: 'warning', stage: 'land', dataset: of.dataset, message })
    return undefined
  }
}

/** Some of a dataset's columns with their types. */
export function typesOf(columns: Columns, names: readonly string[]): Columns {
  return Object.fromEntries(names.map((name) => [name, columns[name] ?? '']))
}
