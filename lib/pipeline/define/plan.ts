import { readText } from '../../core/disk.ts'
import { ConfigError, placed } from '../../core/errors.ts'
import type { DuckDB } from '../../engines/duckdb.ts'
import { extensionsIn } from '../../engines/extensions.ts'
import { checkExport } from '../../export/check-export.ts'
import type { Export } from '../../export/contract/export.ts'
import type { SplitRows } from '../../export/contract/table-contract.ts'
import { isHeldMessage } from '../../export/gate/held-message.ts'
import { requestText } from '../../extract/request-text.ts'
import type { ReadKind } from '../../extract/source.ts'
import { formatCount } from '../../observe/units.ts'
import { lastForecast, runForecast } from '../backfill/memory-plan.ts'
import { heldAsLastSeen } from '../look/held-as-last-seen.ts'
import { type LookingPlace, lookingPlace } from '../look/looking.ts'
import { openBinder } from '../open-binder.ts'
import type { Project } from '../project.ts'
import type { PlannedDataset, PlannedTarget, PlanReport } from '../report.ts'
import { keepsGoneKeys } from '../run/gone-keys.ts'
import { staleReport } from '../state/stale.ts'
import { type BoundPipeline, bindPipeline, hasPartitions, type Target, targetName } from './bind.ts'
import type { AnyPipeline, Schema } from './definition.ts'
import { type LoadedPipeline, loadPipeline } from './load-definition.ts'
import { partitionsUntil } from './partitions.ts'
import { isReadWhole } from './read-whole.ts'
import { extractedPart, resultingSchema } from './schema-check.ts'
import { renderSchema, schemaDifference } from './schema-file.ts'
import { writeSchemaFile } from './write-schema.ts'

export interface PlanOptions {
  /** Ask the sources for their columns and write them into schema.ts. */
  readonly discover?: boolean
  /** Write nothing; a schema.ts that is out of date is an error. For CI. */
  readonly frozen?: boolean
  readonly signal?: AbortSignal
}

/**
 * Binds a pipeline on zero rows and says what a run would do; writes the results' part of schema.ts. Opens no connection, unless asked to discover: what is up to date it takes
 * from the ledger, as last seen.
 * @throws ConfigError for everything that can be known to be wrong before data is read
 */
export async function plan(project: Project, name: string, options: PlanOptions = {}): Promise<PlanReport> {
  const begun = performance.now()
  if (options.discover && options.frozen) throw new ConfigError('--discover and --frozen exclude each other')
  const { config } = project
  await using done = new AsyncDisposableStack()
  const place = done.use(await lookingPlace(config.state))
  // It opens on another thread while this one imports the pipeline.
  const opening = openBinder(place.workspaces)
  const opened = opening.catch(() => undefined)
  done.defer(async () => (await opened)?.close())
  const loaded = await loadPipeline(config.folder, name)
  const known: Schema = loaded.definition.schema ?? {}
  try {
    const binder = await opening
    const extracted = options.discover
      ? await (await import('./discover-columns.ts')).discoverColumns(project, place.workspaces, loaded.definition, options.signal)
      : extractedPart(loaded.definition, known)
    // Written before the rest is bound: what was found is wanted also where a step does not fit it yet.
    if (options.discover) await writeSchema(loaded, { ...known, ...extracted })
    const pipeline = await bindPipeline(loaded, extracted, config, binder)
    const schema = resultingSchema(pipeline, extracted)
    const schemaChanges = schemaDifference(known, schema)
    if (options.frozen && schemaChanges.length > 0)
      throw new ConfigError(`schema.ts is out of date: ${schemaChanges.join('; ')}`, {
        pipeline: name,
        file: loaded.schemaFile,
        hint: `run millrace plan ${name} and commit schema.ts`,
      })
    await writeSchema(loaded, schema)
    const partitions = await partitionsAsLastSeen(project, place, pipeline, binder)
    return {
      pipeline: name,
      profile: config.profile,
      datasets: plannedDatasets(pipeline, extracted, scanNotes(config, pipeline, partitions.due.length)),
      targets: pipeline.targets.map(plannedTarget),
      ...(await scheduleAsLastSeen(project, pipeline)),
      partitions,
      ...forecastsAsLearned(place, name, [...partitions.due, ...partitions.failed]),
      held: await heldAsLastSeen(project, place, name),
      warnings: [...warningsOf(pipeline), ...connectionNotes(config, loaded.definition)],
      schemaChanges,
      schemaFile: loaded.schemaFile,
      ms: performance.now() - begun,
    }
  } catch (error) {
    throw placed(error, { pipeline: name })
  }
}

/** Writes schema.ts if it says anything else. */
async function writeSchema({ schemaFile, definition }: LoadedPipeline, schema: Schema): Promise<void> {
  const text = renderSchema(definition.name, schema)
  if ((await readText(schemaFile)) !== text) await writeSchemaFile(schemaFile, text)
}

/** Of each dataset that a run would read once for all due partitions a word about it. */
function scanNotes({ connections }: Project['config'], { definition }: BoundPipeline, due: number): Readonly<Record<string, string>> {
  if (due < 2) return {}
  return Object.fromEntries(
    Object.keys(definition.extract).flatMap((name) => {
      const whole = isReadWhole(definition, connections, name)
      const unless = whole === 'ask' ? ', unless the database finds each without the others' : ''
      return whole ? [[name, `one scan for ${formatCount(due)} partitions${unless}`]] : []
    }),
  )
}

function plannedDatasets(
  { bound, definition }: BoundPipeline,
  extracted: Schema,
  scans: Readonly<Record<string, string>>,
): PlannedDataset[] {
  const sources = Object.entries(definition.extract).map(([name, { connection, kind, forward, request }]): PlannedDataset => {
    const partitioned = bound.datasets[name]?.partitioned ?? false
    return {
      name,
      engine: 'source',
      columns: extracted[name] ?? {},
      reads: [connection],
      request: requestText(request),
      partitioned,
      note: [
        readNote(kind, partitioned),
        ...(scans[name] === undefined ? [] : [scans[name]]),
        ...(forward === undefined ? [] : [forward === 'land' ? 'lands undecoded, forwarded' : 'forwarded']),
      ].join(', '),
    }
  })
  const steps = bound.order.map((name): PlannedDataset => {
    const dataset = bound.datasets[name]
    if (!dataset) throw new RangeError(`${name} is not bound`)
    const { engine, columns, reads, partitioned, window } = dataset
    return {
      name,
      engine: engine === 'polars' ? 'polars' : 'duckdb',
      columns,
      reads,
      partitioned,
      note: window === undefined ? '' : `cut by ${window}`,
    }
  })
  return [...sources, ...steps]
}

function readNote(kind: ReadKind, partitioned: boolean): string {
  if (kind.by === 'window') return `window ${kind.column}${kind.lookback === undefined ? '' : `, looks back ${kind.lookback}`}`
  if (kind.by === 'cursor')
    return `cursor ${kind.column}, key ${kind.key.join(', ')}${kind.overlap === undefined ? '' : `, overlap ${kind.overlap}`}${kind.deletes === 'keys' ? ', deletes by keys' : ''}`
  return partitioned ? 'whole, for each partition' : 'whole'
}

function plannedTarget(target: Target): PlannedTarget {
  const { dataset, stage } = target
  const how =
    target.stage === 'load'
      ? [
          target.load.disposition.mode,
          target.load.disposition.mode === 'merge' ? `by ${target.load.disposition.key.join(', ')}` : '',
          target.appliesLoadsOf.length > 0 ? `load by load of ${target.appliesLoadsOf.join(', ')}` : '',
        ]
      : [
          target.export.format,
          ...formOf(target.export),
          target.export.plain ? 'plain copy' : '',
          target.export.delivery === undefined ? '' : `part of ${target.export.delivery}`,
          target.export.notify.length === 0 ? '' : `notifies ${target.export.notify.join(' and ')}`,
        ]
  return { dataset, stage, target: targetName(target), how: how.filter(Boolean).join(', ') }
}

function splitText(split: SplitRows | undefined): string {
  if (!split) return ''
  return 'rows' in split ? `files of ${split.rows} rows` : `files of ${split.bytes} bytes`
}

/** What of a format's options changes what files there are. */
function formOf({ contract }: Export<never>): readonly string[] {
  return [
    'compression' in contract && contract.compression !== 'none' ? contract.compression : '',
    splitText('split' in contract ? contract.split : undefined),
  ]
}

/** How the connections will be read on this machine, as far as there is something to say. */
function connectionNotes({ connections, extensions }: Project['config'], { extract }: AnyPipeline): string[] {
  const names = [...new Set(Object.values(extract).map(({ connection }) => connection))]
  return names.flatMap((name) => (connections[name]?.notes?.(extensionsIn(extensions)) ?? []).map((note) => `connection ${name} ${note}`))
}

function warningsOf(pipeline: BoundPipeline): string[] {
  const { bound, targets } = pipeline
  const rounding = targets.flatMap((target) => {
    const dataset = bound.datasets[target.dataset]
    if (target.stage !== 'export' || !dataset) return []
    return checkExport(target.export, dataset).map(
      (column) =>
        `${target.dataset}.${column}: a sum or mean of floats, whose last digits depend on thread order; round it in the contract of ${target.export.path}`,
    )
  })
  return [
    ...bound.warnings
      // Said where it matters: of the exports that deliver such a column without rounding it.
      .filter(({ dataset, column }) => column === undefined || !bound.datasets[dataset]?.floatAggregates.includes(column))
      .map(({ dataset, column, message }) => `${dataset}${column === undefined ? '' : `.${column}`}: ${message}`),
    ...rounding,
    ...keepsGoneKeys(pipeline),
  ]
}

/** What a run of these partitions will take, and how wrong the last forecast was. */
function forecastsAsLearned(place: LookingPlace, name: string, due: readonly string[]): Pick<PlanReport, 'forecast' | 'lastForecast'> {
  using ledger = place.ledger()
  const forecast = due.length === 0 ? undefined : runForecast(ledger.cells(name), due)
  const last = forecast && lastForecast(ledger, name)
  return { ...(forecast && { forecast }), ...(last && { lastForecast: last }) }
}

/** Reading the code of frames takes 40 ms. */
async function codeOf(pipeline: BoundPipeline, binder: DuckDB): Promise<string> {
  const [{ partitionCode }, { stepHashes }] = await Promise.all([import('./input-key.ts'), import('./step-code.ts')])
  return partitionCode(pipeline, await stepHashes(pipeline, binder))
}

async function scheduleAsLastSeen(project: Project, { definition, schedule }: BoundPipeline): Promise<Pick<PlanReport, 'schedule'>> {
  if (!schedule) return {}
  const { scheduleState } = await import('../schedule/schedule-state.ts')
  return { schedule: await scheduleState(project, definition.name, schedule) }
}

async function partitionsAsLastSeen(
  project: Project,
  place: LookingPlace,
  pipeline: BoundPipeline,
  binder: DuckDB,
): Promise<PlanReport['partitions']> {
  const { name, partition } = pipeline.definition
  if (!partition || !hasPartitions(pipeline)) return { done: 0, due: [], open: [], failed: [], held: [] }
  const now = project.clock(name).now()
  const ledger = place.ledger()
  try {
    const seen = new Map(ledger.partitions(name).map((each) => [each.partition, each]))
    const all = partitionsUntil(partition, now)
    const open = all.filter(({ window }) => window !== undefined && window.end > now)
    const rest = all
      .filter((each) => !open.includes(each))
      .map(({ name: label }) => ({ label, state: isHeldMessage(seen.get(label)?.error) ? 'held' : seen.get(label)?.state }))
    const those = (state: string) => rest.flatMap((each) => (each.state === state ? [each.label] : []))
    const code = those('done').length > 0 ? await codeOf(pipeline, binder) : ''
    const isStale = (label: string) => {
      const { state, inputKey: made = code } = seen.get(label) ?? {}
      return state === 'done' && made !== code
    }
    const stale = staleReport(
      name,
      all.map((each) => ({ partition: each.name, stale: isStale(each.name) })),
    )
    return {
      done: those('done').length,
      due: rest.filter(({ state }) => state === undefined || state === 'open').map(({ label }) => label),
      open: open.map(({ name: label }) => label),
      failed: those('failed'),
      held: those('held'),
      ...(stale && { stale }),
    }
  } finally {
    ledger.close()
  }
}
