import type { Read, Relation, Source } from '../connectors/source.ts'
import type { Store } from '../connectors/store.ts'
import type { RunContext } from '../core/context.ts'
import type { Columns, Dataset } from '../core/dataset.ts'
import { durationMs } from '../core/duration.ts'
import { ConfigError, placed } from '../core/errors.ts'
import { hashOf } from '../core/hash.ts'
import { quoteIdentifier, quoteList } from '../core/quote.ts'
import type { DuckDB } from '../engines/duckdb.ts'
import type { Reader } from '../engines/reader.ts'
import { duckdbTypeFromText } from '../engines/types.ts'
import { explainMisfit } from '../extract/explain.ts'
import { selectDeclared } from '../extract/select.ts'
import type { Extract, ReadKind } from '../extract/source.ts'
import { datasetOfLoads } from '../land/datasets.ts'
import { land } from '../land/land.ts'
import { currentLoad, lastCursor } from '../land/loads.ts'
import { landingLock, lock } from '../state/lock.ts'
import type { LoadManifest } from '../state/manifest.ts'
import type { BoundPipeline } from './bind.ts'
import type { Schema } from './definition.ts'
import { type Partition, partitionsBefore } from './partitions.ts'
import type { Sources } from './sources.ts'

/** The name under which a dataset without partitions lands. */
export const ALL = '_all'

/** Another run may be reading the same partition for its look-back. */
const LANDING_WAIT_MS = 600_000

/** What landing needs of a run. */
export interface LandingTools {
  readonly pipeline: BoundPipeline
  readonly schema: Schema
  readonly store: Store
  readonly sources: Sources
  readonly reader: () => Reader
  /** A small engine for questions without data. */
  readonly binder: DuckDB
  /** Read the source again, even what has landed complete. */
  readonly refresh: boolean
  /** The folder of locks. */
  readonly locks: string
}

/** The landing's current load of a dataset's partition, if it may be used: landed by today's request, and complete. */
export async function usableLoad(
  tools: Pick<LandingTools, 'pipeline' | 'schema' | 'store'>,
  dataset: string,
  partition: string,
): Promise<LoadManifest | undefined> {
  const { pipeline, schema, store } = tools
  const current = await currentLoad(store, pipeline.definition.name, dataset, partition)
  return current && current.readKey === readKey(pipeline, schema, dataset) ? current : undefined
}

/** Hash of what is asked of a source: a load made under another one is read anew. */
export function readKey({ definition }: Pick<BoundPipeline, 'definition'>, schema: Schema, dataset: string): string {
  const extract = definition.extract[dataset]
  if (!extract) throw new RangeError(`${dataset} is not extracted`)
  const { lookback: _, ...kind } = { lookback: undefined, ...extract.kind }
  return hashOf({
    connection: extract.connection,
    request: extract.request,
    kind,
    expressions: extract.expressions,
    columns: schema[dataset],
    source: schema[`${dataset}.source`],
  })
}

/** The partitions of a window dataset that a partition's transforms see: its own, and those that the look-back touches. */
export function partitionsSeen(
  { definition }: Pick<BoundPipeline, 'definition'>,
  dataset: string,
  partition: Partition,
): readonly Partition[] {
  const kind = definition.extract[dataset]?.kind
  if (kind?.by !== 'window' || kind.lookback === undefined || !definition.partition) return [partition]
  return [...partitionsBefore(definition.partition, partition, durationMs(kind.lookback)), partition]
}

/**
 * Brings one partition of a dataset (absent: the whole dataset) up to date in the landing zone: uses what has landed complete, else reads the source and commits a load if
 * anything changed. Gives the current load.
 * @throws what source and landing throw, placed at stage, dataset and partition
 */
export async function bringUpToDate(
  tools: LandingTools,
  dataset: string,
  partition: Partition | undefined,
  ctx: RunContext,
): Promise<LoadManifest> {
  const { pipeline, refresh } = tools
  const extract = pipeline.definition.extract[dataset]
  if (!extract) throw new RangeError(`${dataset} is not extracted`)
  const usable = await usableLoad(tools, dataset, partition?.name ?? ALL)
  if (usable && extract.kind.by === 'window' && !usable.open && !refresh) {
    ctx.emit({ type: 'stage', phase: 'end', stage: 'land', dataset, rows: usable.rows, ms: 0, outcome: 'unchanged' })
    return usable
  }
  const place = { stage: 'extract', pipeline: pipeline.definition.name, dataset, ...(partition && { partition: partition.name }) } as const
  try {
    const { path, what } = landingLock(tools.locks, pipeline.definition.name, dataset, partition?.name ?? ALL)
    using _held = await lock(path, { what, signal: ctx.signal, waitMs: LANDING_WAIT_MS })
    const meanwhile = await usableLoad(tools, dataset, partition?.name ?? ALL)
    if (meanwhile && meanwhile.id !== usable?.id && extract.kind.by === 'window' && !meanwhile.open) return meanwhile
    const parents = await parentValues(tools, extract, partition, ctx)
    return await tools.sources.use(extract.connection, (source) =>
      readAndLand(tools, source, { dataset, extract, partition, usable: meanwhile, parents }, ctx),
    )
  } catch (error) {
    throw placed(error, place)
  }
}

type CursorKind = ReadKind & { readonly by: 'cursor' }

interface Task {
  readonly dataset: string
  readonly extract: Extract<string>
  readonly partition: Partition | undefined
  readonly usable: LoadManifest | undefined
  readonly parents: readonly string[] | undefined
}

async function readAndLand(tools: LandingTools, source: Source, task: Task, ctx: RunContext): Promise<LoadManifest> {
  const { pipeline, schema, store, refresh } = tools
  const { dataset, extract, partition, usable } = task
  const { kind, expressions } = extract
  const columns = schema[dataset] ?? {}
  const from = kind.by === 'cursor' && usable && !refresh ? await cursorFrom(tools, dataset, kind, columns) : undefined
  const read: Read = {
    dataset,
    request: extract.request,
    columns: sourceColumns(schema, dataset, extract),
    ...(partition && { partition: partition.name }),
    ...(partition?.window && { window: { ...partition.window, ...(kind.by === 'window' && !expressions && { column: kind.column }) } }),
    ...(kind.by === 'cursor' && { cursor: { column: kind.column, ...(from !== undefined && { from }) } }),
    ...(task.parents && { parents: task.parents }),
  }
  const readAt = ctx.clock.now()
  const begun = performance.now()
  const ended = (outcome: 'done' | 'unchanged' | 'failed', more: { rows?: number; bytes?: number } = {}) =>
    ctx.emit({ type: 'stage', phase: 'end', stage: 'extract', dataset, ...more, ms: performance.now() - begun, outcome })
  ctx.emit({ type: 'stage', phase: 'start', stage: 'extract', dataset })
  const relations: Relation[] = []
  try {
    const version = kind.by === 'whole' ? await source.version(read, ctx) : undefined
    if (version !== undefined && usable?.sourceVersion === version && !refresh) {
      ended('unchanged', { rows: usable.rows })
      return usable
    }
    const relation = await source.read(read, ctx)
    relations.push(relation)
    const request = { dataset, columns, kind, ...(expressions && { expressions, source: read.columns }) }
    const select = selectDeclared(relation, {
      ...request,
      ...(partition?.window && { window: partition.window }),
      ...(from !== undefined && { from }),
    })
    const keys = kind.by === 'cursor' && kind.deletes === 'keys' && usable ? await keysOf(source, read, extract, columns, ctx) : undefined
    if (keys) relations.push(keys.relation)
    ended('done', relation.bytes === undefined ? {} : { bytes: relation.bytes })
    const { manifest } = await land(
      {
        dataset,
        partition: partition?.name ?? ALL,
        columns,
        kind,
        readKey: readKey(pipeline, schema, dataset),
        select,
        relation,
        ...(partition?.window && { window: partition.window }),
        open: partition?.window !== undefined && partition.window.end > readAt,
        ...(version !== undefined && { sourceVersion: version }),
        ...(from !== undefined && { cursorFrom: from }),
        ...(keys && { keys }),
      },
      { store, reader: tools.reader() },
      ctx,
    ).catch(async (error: unknown) => {
      throw await explainMisfit(relation, request, error, tools.reader(), ctx)
    })
    return manifest
  } catch (error) {
    if (relations.length === 0) ended('failed')
    throw error
  } finally {
    for (const relation of relations) await relation.close()
  }
}

function sourceColumns(schema: Schema, dataset: string, { expressions }: Extract<string>): Columns {
  return schema[expressions ? `${dataset}.source` : dataset] ?? {}
}

/** The last landed cursor value less the overlap, as DuckDB's text. */
async function cursorFrom(
  { pipeline, store, binder }: LandingTools,
  dataset: string,
  kind: CursorKind,
  columns: Columns,
): Promise<string | undefined> {
  const last = await lastCursor(store, pipeline.definition.name, dataset)
  if (last === undefined || kind.overlap === undefined) return last
  const type = duckdbTypeFromText(columns[kind.column] ?? 'text')
  const [row] = await binder.meta(`SELECT CAST($last AS ${type}) - to_milliseconds($overlap) AS value`, {
    last,
    overlap: durationMs(kind.overlap),
  })
  return row?.value ?? undefined
}

/** All keys of the source, for `deletes: 'keys'`. */
async function keysOf(source: Source, read: Read, extract: Extract<string>, columns: Columns, ctx: RunContext) {
  if (extract.kind.by !== 'cursor') throw new RangeError('only a cursor dataset has keys')
  const only = Object.fromEntries(extract.kind.key.map((name) => [name, columns[name] ?? 'text']))
  const { cursor: _, ...whole } = read
  const relation = await source.read({ ...whole, columns: extract.expressions ? read.columns : only }, ctx)
  const select = selectDeclared(relation, {
    dataset: read.dataset,
    columns: only,
    kind: { by: 'whole' },
    ...(extract.expressions && { expressions: extract.expressions, source: read.columns }),
  })
  return { select, relation }
}

/** The distinct values that a child request takes from its parent's landed rows. */
async function parentValues(
  tools: LandingTools,
  { request }: Extract<string>,
  partition: Partition | undefined,
  ctx: RunContext,
): Promise<readonly string[] | undefined> {
  const each = 'each' in request ? request.each : undefined
  if (!each) return undefined
  const parent = await landedDataset(tools, each.parent, partition, ctx)
  return distinctValues(parent, each.column, tools.binder)
}

/** A dataset's landed rows as one Dataset: of a window dataset the partition's (and its look-back's), else the newest load. @throws ConfigError when nothing has landed. */
export async function landedDataset(
  tools: Pick<LandingTools, 'pipeline' | 'schema' | 'store'>,
  dataset: string,
  partition: Partition | undefined,
  ctx: RunContext,
): Promise<Dataset> {
  const kind = tools.pipeline.definition.extract[dataset]?.kind
  const names = kind?.by === 'window' && partition ? partitionsSeen(tools.pipeline, dataset, partition).map((p) => p.name) : [ALL]
  const loads = await Promise.all(names.map((name) => currentLoad(tools.store, tools.pipeline.definition.name, dataset, name)))
  const missing = names.filter((_, i) => loads[i] === undefined)
  if (missing.length > 0)
    throw new ConfigError(`"${dataset}" has not landed${missing[0] === ALL ? '' : ` for ${missing.join(', ')}`}`, {
      stage: 'land',
      dataset,
      hint: `run it without --only first: millrace run ${tools.pipeline.definition.name}`,
    })
  return datasetOfLoads(
    tools.store,
    loads.filter((load) => load !== undefined),
    ctx,
  )
}

const MOST_PARENTS = 10_000

/** The distinct values of a column, as text, NULL left out. A metadata read: each value is a request to come. @throws ConfigError beyond 10,000. */
async function distinctValues({ name, files }: Dataset, column: string, db: DuckDB): Promise<readonly string[]> {
  const value = quoteIdentifier(column)
  const rows = await db.meta(
    `SELECT DISTINCT CAST(${value} AS VARCHAR) AS value FROM read_parquet(${quoteList(files)}) WHERE ${value} IS NOT NULL ORDER BY value LIMIT ${MOST_PARENTS}`,
  )
  if (rows.length === MOST_PARENTS)
    throw new ConfigError(`parent "${name}" has ${MOST_PARENTS} values of "${column}" and more: a request for each is too many`)
  return rows.map((row) => row.value ?? '')
}
