import type { Read, Relation, Source } from '../../connectors/source.ts'
import type { RunContext } from '../../core/context.ts'
import type { Columns } from '../../core/dataset.ts'
import { durationMs } from '../../core/duration.ts'
import { placed } from '../../core/errors.ts'
import type { DuckDB } from '../../engines/duckdb.ts'
import type { OpenEngine } from '../../engines/engine-pool.ts'
import type { Reader } from '../../engines/reader.ts'
import { duckdbTypeFromText } from '../../engines/types.ts'
import { explainMisfit } from '../../extract/explain.ts'
import { hasWindow, relationOfScan, type Scan } from '../../extract/scan.ts'
import { selectDeclared } from '../../extract/select.ts'
import type { Extract, ReadKind } from '../../extract/source.ts'
import { sourceColumn } from '../../extract/source-column.ts'
import type { CountRows } from '../../formats/count-rows.ts'
import { land } from '../../land/land.ts'
import { lastCursor } from '../../land/loads.ts'
import { landingLock, lock } from '../../state/lock.ts'
import type { LoadManifest } from '../../state/manifest.ts'
import type { Schema } from '../define/definition.ts'
import { parentValues } from '../define/parents.ts'
import type { Partition } from '../define/partitions.ts'
import { ALL, columnsAsked, type LandedTools, readKey, usableLoad } from './landed.ts'
import { readAndLandUndecoded } from './landing-undecoded.ts'
import type { Sources } from './sources.ts'

/** Another run may be reading the same partition for its look-back. */
const LANDING_WAIT_MS = 600_000

/** What landing needs of a run. */
export interface LandingTools extends LandedTools {
  readonly sources: Sources
  readonly reader: () => Reader
  /** What was read in one pass for many partitions, by dataset; filled and emptied by `scanOnce`. */
  readonly scans: Map<string, Scan>
  /** Opens the stages' engines, those of earlier units again. */
  readonly openEngine: OpenEngine
  readonly countRows: CountRows
  /** A small engine for questions without data. */
  readonly binder: DuckDB
  /** Read the source again, even what has landed complete. */
  readonly refresh: boolean
  /** The folder of locks. */
  readonly locks: string
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
  const usable = await usableLoad(tools, dataset, partition)
  if (usable && extract.kind.by === 'window' && !usable.open && !refresh) {
    ctx.emit({ type: 'stage', phase: 'end', stage: 'land', dataset, rows: usable.rows, ms: 0, outcome: 'unchanged' })
    return usable
  }
  const place = { stage: 'extract', pipeline: pipeline.definition.name, dataset, ...(partition && { partition: partition.name }) } as const
  try {
    const { path, what } = landingLock(tools.locks, pipeline.definition.name, dataset, partition?.name ?? ALL)
    using _held = await lock(path, { what, signal: ctx.signal, waitMs: LANDING_WAIT_MS })
    const meanwhile = await usableLoad(tools, dataset, partition)
    if (meanwhile && meanwhile.id !== usable?.id && extract.kind.by === 'window' && !meanwhile.open) return meanwhile
    const parents = await parentValues(tools, tools.binder, extract, partition, ctx)
    const undecoded = extract.forward === 'land'
    const task: Task = { dataset, extract, partition, usable: meanwhile, parents }
    const before = scanned(tools, dataset, partition)
    // Then no session of a server is waited for.
    if (before) return await readAndLand(tools, { version: async () => undefined, read: async () => before }, task, ctx)
    return await tools.sources.use(
      extract.connection,
      (source) => (undecoded ? readAndLandUndecoded(tools, source, { dataset, partition }, ctx) : readAndLand(tools, source, task, ctx)),
      { undecoded },
    )
  } catch (error) {
    throw placed(error, place)
  }
}

type CursorKind = ReadKind & { readonly by: 'cursor' }

/** What landing asks of a source. */
type Reading = Pick<Source, 'version' | 'read'>

interface Task {
  readonly dataset: string
  readonly extract: Extract<string>
  readonly partition: Partition | undefined
  readonly usable: LoadManifest | undefined
  readonly parents: readonly string[] | undefined
}

async function readAndLand(tools: LandingTools, source: Reading, task: Task, ctx: RunContext): Promise<LoadManifest> {
  const { pipeline, schema, store, refresh } = tools
  const { dataset, extract, partition, usable } = task
  const { kind, expressions } = extract
  const columns = schema[dataset] ?? {}
  const { partition: cut } = pipeline.definition
  const zone = cut?.by === 'time' ? cut.zone : undefined
  const from = kind.by === 'cursor' && usable && !refresh ? await cursorFrom(tools, dataset, kind, columns) : undefined
  const asked = from === undefined || !usable ? columns : stateColumns(tools, usable, columns)
  const own = sourceColumns(schema, dataset, extract)
  const named = kind.by === 'cursor' ? sourceColumn(extract, kind.column) : undefined
  const behind = named !== undefined && kind.by === 'cursor' && (!expressions || own[named] === columns[kind.column]) ? named : undefined
  const read: Read = {
    dataset,
    request: extract.request,
    columns: own,
    ...(partition && { partition: partition.name }),
    ...(partition?.window && { window: { ...partition.window, ...(kind.by === 'window' && !expressions && { column: kind.column }) } }),
    ...(kind.by === 'cursor' && { cursor: { ...(behind !== undefined && { column: behind }), ...(from !== undefined && { from }) } }),
    ...(zone !== undefined && { zone }),
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
    if (version !== undefined && usable?.sourceVersion === version && !usable.open && !refresh) {
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
        readKey: readKey(pipeline, { ...schema, [dataset]: asked }, dataset),
        ...(asked !== columns && { stateColumns: asked }),
        select,
        relation,
        ...(partition?.window && { window: partition.window }),
        open: partition?.window !== undefined && partition.window.end > (relation.asOf ?? readAt),
        ...(version !== undefined && { sourceVersion: version }),
        ...(from !== undefined && { cursorFrom: from }),
        ...(refresh && { refresh }),
        ...(keys && { keys }),
      },
      { store, reader: tools.reader(), openEngine: tools.openEngine, countRows: tools.countRows },
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

/** What the run has read in one pass for many partitions, this one among them. */
function scanned({ scans }: LandingTools, dataset: string, partition: Partition | undefined): Relation | undefined {
  const scan = scans.get(dataset)
  return scan && partition?.window && hasWindow(scan, partition.window) ? relationOfScan(scan, partition.window) : undefined
}

/** Those of the columns that all of a cursor dataset's state has; `columns` itself where it has all. */
function stateColumns(tools: LandingTools, usable: LoadManifest, columns: Columns): Columns {
  const asked = columnsAsked(tools, usable) ?? columns
  const common = Object.entries(columns).filter(([name, type]) => asked[name] === type)
  return common.length === Object.keys(columns).length ? columns : Object.fromEntries(common)
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
async function keysOf(source: Reading, read: Read, extract: Extract<string>, columns: Columns, ctx: RunContext) {
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
