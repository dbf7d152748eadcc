import type { Store } from '../../connectors/store.ts'
import type { RunContext } from '../../core/context.ts'
import type { Columns, Dataset } from '../../core/dataset.ts'
import { ConfigError } from '../../core/errors.ts'
import { hashOf } from '../../core/hash.ts'
import { ROW } from '../../extract/select.ts'
import { datasetOfLoads, verifyOnce } from '../../land/datasets.ts'
import { currentLoad } from '../../land/loads.ts'
import { isSameWindow } from '../../land/windows.ts'
import type { LoadManifest } from '../../state/manifest.ts'
import type { BoundPipeline } from '../define/bind.ts'
import type { Schema } from '../define/definition.ts'
import { type Partition, partitionsBefore } from '../define/partitions.ts'
import { columnsInUse, columnsNamed } from '../define/read-columns.ts'

/** The name under which a dataset without partitions lands. */
export const ALL = '_all'

/** What is needed to look at what has landed. */
export interface LandedTools {
  readonly pipeline: BoundPipeline
  readonly schema: Schema
  readonly store: Store
}

/**
 * The landing's current load of a dataset's partition (absent: of a dataset without partitions), if it may be used: of today's window, landed by today's request, or by one that is other only in columns that nothing
 * reads.
 */
export async function usableLoad(tools: LandedTools, dataset: string, partition: Partition | undefined): Promise<LoadManifest | undefined> {
  const current = await loadOfWindow(tools, dataset, partition)
  return current && isUsable(tools, current) ? current : undefined
}

function isUsable(tools: LandedTools, load: LoadManifest): boolean {
  const { pipeline, schema } = tools
  const { dataset } = load
  if (isAskedAs(load, pipeline, schema)) return true
  const extract = pipeline.definition.extract[dataset]
  if (!extract || extract.forward !== undefined) return false
  const { kind } = extract
  const used = columnsInUse(pipeline, dataset)
  const asked = columnsAsked(tools, load)
  if (!used || !asked) return false
  const declared = schema[dataset] ?? {}
  const own = kind.by === 'whole' ? [] : kind.by === 'window' ? [kind.column] : [kind.column, ...kind.key]
  if ([...used, ...own].some((name) => asked[name] !== declared[name])) return false
  // What a state's older loads have of another type, each reading of it would cast.
  return kind.by !== 'cursor' || Object.entries(declared).every(([name, type]) => (load.columns[name] ?? type) === type)
}

/**
 * The columns under which a load was asked for as today; undefined where more than the columns is another. All that the load stands for has them: of a cursor dataset its state, whose loads may have further ones, from which on nobody has
 * read the source whole.
 */
export function columnsAsked({ pipeline, schema }: LandedTools, load: LoadManifest): Columns | undefined {
  const { dataset } = load
  return [schema[dataset], load.stateColumns, load.columns].find(
    (columns) => columns !== undefined && isAskedAs(load, pipeline, { ...schema, [dataset]: columns }),
  )
}

/** The current load, if it is of the window that the partition has today: in another zone or unit partitions may have had the same names. */
export async function loadOfWindow(
  { pipeline, store }: LandedTools,
  dataset: string,
  partition: Partition | undefined,
): Promise<LoadManifest | undefined> {
  const current = await currentLoad(store, pipeline.definition.name, dataset, partition?.name ?? ALL)
  return isSameWindow(current?.window, partition?.window) ? current : undefined
}

/** Earlier versions had all of a source's own columns in the key, also those that no expression names. */
function isAskedAs({ readKey: key, dataset }: LoadManifest, pipeline: BoundPipeline, schema: Schema): boolean {
  return key === readKey(pipeline, schema, dataset) || key === readKey(pipeline, schema, dataset, schema[`${dataset}.source`])
}

/** Hash of what is asked of a source: a load made under another one is read anew. `source`: the source's own columns that count. */
export function readKey(
  { definition, naiveZones }: Pick<BoundPipeline, 'definition' | 'naiveZones'>,
  schema: Schema,
  dataset: string,
  source = sourceColumnsRead(definition, schema, dataset),
): string {
  const extract = definition.extract[dataset]
  if (!extract) throw new RangeError(`${dataset} is not extracted`)
  const { lookback: _, compact: __, ...kind } = { lookback: undefined, compact: undefined, ...extract.kind }
  const zone = naiveZones[dataset]
  return hashOf({
    connection: extract.connection,
    request: extract.request,
    kind,
    expressions: extract.expressions && expressionsOf(extract.expressions, schema[dataset]),
    columns: schema[dataset],
    source,
    ...(zone !== 'UTC' && { zone }),
    // Of another form than what lands otherwise.
    ...(extract.forward === 'land' && { forward: extract.forward }),
  })
}

/** Of a source's own columns those that expressions name; all where one may take rows whole. */
function sourceColumnsRead({ extract }: BoundPipeline['definition'], schema: Schema, dataset: string): Columns | undefined {
  const [own, expressions] = [schema[`${dataset}.source`], extract[dataset]?.expressions]
  if (!own || !expressions) return own
  const named = Object.values(expressionsOf(expressions, schema[dataset])).map((sql) => columnsNamed(sql, ROW, Object.keys(own)))
  if (named.includes(undefined)) return own
  return Object.fromEntries(Object.entries(own).filter(([name]) => named.some((names) => names?.includes(name))))
}

/** The expressions of these columns alone. */
function expressionsOf(expressions: Readonly<Record<string, string>>, columns: Columns = expressions): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(expressions).filter(([name]) => Object.hasOwn(columns, name)))
}

/** The partitions of a window dataset that a partition's transforms see: its own, and those that the look-back touches. */
export function partitionsSeen(
  { definition }: Pick<BoundPipeline, 'definition'>,
  dataset: string,
  partition: Partition,
): readonly Partition[] {
  const kind = definition.extract[dataset]?.kind
  if (kind?.by !== 'window' || kind.lookback === undefined || !definition.partition) return [partition]
  return [...partitionsBefore(definition.partition, partition, kind.lookback), partition]
}

/** A dataset's landed rows as one Dataset: of one that is read for each partition the partition's (and its look-back's), else the newest load. @throws ConfigError when nothing has landed, CheckError when a landed file is damaged */
export async function landedDataset(
  tools: LandedTools,
  dataset: string,
  partition: Partition | undefined,
  ctx: RunContext,
): Promise<Dataset> {
  const { bound, definition } = tools.pipeline
  if (definition.extract[dataset]?.forward === true)
    throw new ConfigError(`"${dataset}" is forwarded: it goes into the warehouse, and does not land`, {
      ...{ pipeline: definition.name, stage: 'land', dataset },
      hint: 'look at its table',
    })
  const seen = partition && bound.datasets[dataset]?.partitioned ? partitionsSeen(tools.pipeline, dataset, partition) : [undefined]
  const loads = await Promise.all(seen.map((each) => loadOfWindow(tools, dataset, each)))
  const missing = seen.flatMap((each, i) => (loads[i] === undefined ? [each?.name ?? ALL] : []))
  if (missing.length > 0) throw notLanded(definition.name, dataset, missing, partition?.name)
  const found = loads.filter((load) => load !== undefined)
  await verifyOnce(tools.store, found, ctx)
  const kind = definition.extract[dataset]?.kind
  const read = kind?.by === 'window' && found.length > 1 ? columnsInUse(tools.pipeline, dataset) : undefined
  return datasetOfLoads(tools.store, found, ctx, read && kind?.by === 'window' ? [...read, kind.column] : undefined)
}

/** The current load of a dataset, or of one partition of it. @throws ConfigError when there is none */
export async function landedLoad(tools: LandedTools, dataset: string, partition: Partition | undefined): Promise<LoadManifest> {
  const load = await loadOfWindow(tools, dataset, partition)
  if (!load) throw notLanded(tools.pipeline.definition.name, dataset, [partition?.name ?? ALL], partition?.name)
  return load
}

function notLanded(pipeline: string, dataset: string, missing: readonly string[], partition: string | undefined): ConfigError {
  const whole = missing[0] === ALL
  return new ConfigError(`"${dataset}" has not landed${whole ? '' : ` for ${missing.join(', ')}`}`, {
    ...{ pipeline, stage: 'land', dataset },
    hint: `land it first: millrace run ${pipeline}${whole || partition === undefined ? '' : ` --partition ${partition}`}`,
  })
}
