import { bindRules } from '../../check/bind.ts'
import { type Check, ruleOfSql } from '../../check/rules.ts'
import type { NotifierConnection } from '../../connectors/notifier.ts'
import type { SourceConnection } from '../../connectors/source.ts'
import type { WarehouseConnection } from '../../connectors/warehouse.ts'
import type { Columns } from '../../core/dataset.ts'
import { ConfigError, placed } from '../../core/errors.ts'
import { didYouMean } from '../../core/nearest.ts'
import type { DuckDB, SqlValues } from '../../engines/duckdb.ts'
import { checkExport } from '../../export/check-export.ts'
import { checkPlaces } from '../../export/check-places.ts'
import { checkContract } from '../../export/contract/check-contract.ts'
import type { Export } from '../../export/contract/export.ts'
import { checkNotify } from '../../export/notice/check-notify.ts'
import { checkTables, checkTarget } from '../../load/check-target.ts'
import type { Load } from '../../load/targets.ts'
import { bindSteps } from '../../transform/bind.ts'
import { type Bound, type BoundDataset, datasetOfName } from '../../transform/bound.ts'
import { loadStepTexts } from '../../transform/load-steps.ts'
import type { Sql } from '../../transform/steps.ts'
import { checkEach } from './check-each.ts'
import { checkExtract, readForEachPartition } from './check-extract.ts'
import { checkForward } from './check-forward.ts'
import { checkShape } from './check-shape.ts'
import type { AnyPipeline, Schema } from './definition.ts'
import type { LoadedPipeline } from './load-definition.ts'
import type { BoundSchedule } from './schedule.ts'
import { withSchemaSeen } from './seen-schema.ts'

/** A place that a dataset goes to: one table, or one delivered file. */
export type Target = {
  readonly dataset: string
  readonly partitioned: boolean
  /**
   * Cursor datasets whose loads are applied one by one, in order: those whose `.changes` the dataset is computed from, or the dataset itself when it is merged.
   * Empty for a target that is made from current states.
   */
  readonly appliesLoadsOf: readonly string[]
} & ({ readonly stage: 'load'; readonly load: Load<string> } | { readonly stage: 'export'; readonly export: Export<never> })

/** A table that a dataset goes to. */
export type LoadTarget = Extract<Target, { stage: 'load' }>

/** A file, or several, that a dataset is delivered as. */
export type ExportTarget = Extract<Target, { stage: 'export' }>

/** A pipeline bound on zero rows: every name and type in it checked, what depends on what known. Nothing was opened for it. */
export interface BoundPipeline {
  readonly loaded: LoadedPipeline
  readonly definition: AnyPipeline
  readonly bound: Bound
  readonly targets: readonly Target[]
  readonly checks: Readonly<Record<string, readonly Check<string, string, string, string>[]>>
  /** IANA zone of the partitions; UTC without. */
  readonly zone: string
  readonly schedule: BoundSchedule | undefined
  /** The zone in which each extracted dataset's naive times are taken: its connection's, else the partitions'. */
  readonly naiveZones: Readonly<Record<string, string>>
}

/** Whether a pipeline has anything that is read or made for each partition. */
export function hasPartitions({ definition, bound }: Pick<BoundPipeline, 'definition' | 'bound'>): boolean {
  return definition.partition !== undefined && Object.values(bound.datasets).some(({ partitioned }) => partitioned)
}

/** How a target is called in reports, tokens and errors: its table or path. */
export function targetName(target: Target): string {
  return target.stage === 'load' ? target.load.table : target.export.path
}

/** The declared columns of an extracted dataset. */
export function declaredColumns(schema: Schema, dataset: string): Columns | undefined {
  return schema[dataset]
}

/** The systems of a profile, configured and not opened. */
export interface Systems {
  readonly connections: Readonly<Record<string, SourceConnection>>
  readonly warehouse: Pick<WarehouseConnection, 'kind' | 'frames'>
  readonly notify: Readonly<Record<string, NotifierConnection>>
}

/**
 * Binds a whole pipeline against a schema, without a connection.
 * @throws ConfigError placed at stage and dataset, with the pipeline's name
 */
export async function bindPipeline(
  loaded: LoadedPipeline,
  schema: Schema,
  { connections, warehouse, notify }: Systems,
  db: DuckDB,
): Promise<BoundPipeline> {
  const { definition } = loaded
  try {
    checkShape(definition)
    const schedule = definition.schedule === undefined ? undefined : (await import('./schedule.ts')).scheduleOf(definition)
    for (const [dataset, extract] of Object.entries(definition.extract)) {
      checkExtract(dataset, extract, definition, schema, connections)
      checkEach(dataset, definition, schema)
    }
    const zone = definition.partition?.by === 'time' ? definition.partition.zone : 'UTC'
    const wanted = [...new Set([...keysOf(definition.check), ...keysOf(definition.load), ...keysOf(definition.export)])]
    const steps = await bindSteps(
      {
        extracted: Object.fromEntries(
          Object.entries(definition.extract).map(([name, { kind, request }]) => [
            name,
            {
              columns: schema[name] ?? {},
              by: kind.by,
              partitioned: readForEachPartition({ kind, request }),
              ...(kind.by === 'window' && { window: kind.column, lookback: kind.lookback !== undefined }),
            },
          ]),
        ),
        steps: await loadStepTexts(definition.transform ?? {}, loaded.folder),
        parameters: definition.parameters ?? {},
        partitioned: definition.partition?.by ?? 'none',
        wanted,
        zone,
      },
      db,
    )
    const bound = await withSchemaSeen(steps, loaded.file)
    for (const stage of ['check', 'load', 'export'] as const) for (const name of keysOf(definition[stage])) datasetOf(bound, name, stage)
    const checks = await bindChecks(loaded, bound, db)
    checkForward(definition, { bound, checks, connections, warehouse })
    const targets = targetsOf(definition, bound)
    for (const target of targets) checkFits(target, datasetOf(bound, target.dataset))
    for (const target of targets) if (target.stage === 'export') checkNotify(target.dataset, target.export, Object.keys(notify))
    checkTables(targets.flatMap((t) => (t.stage === 'load' ? [{ dataset: t.dataset, target: t.load }] : [])))
    checkPlaces(
      targets.filter((target) => target.stage === 'export'),
      definition.partition?.by === 'keys' ? definition.partition.keys : undefined,
    )
    const naiveZones = Object.fromEntries(
      Object.entries(definition.extract).map(([name, { connection }]) => [name, connections[connection]?.zone ?? zone]),
    )
    return { loaded, definition, bound, targets, checks, zone, schedule, naiveZones }
  } catch (error) {
    throw placed(error, { pipeline: definition.name })
  }
}

function keysOf(record: Readonly<Record<string, unknown>> | undefined): string[] {
  return Object.keys(record ?? {})
}

function datasetOf(bound: Bound, name: string, stage?: 'check' | 'load' | 'export'): BoundDataset {
  const found = bound.datasets[name]
  if (found) return found
  const names = Object.keys(bound.datasets)
  throw new ConfigError(`unknown dataset "${name}"${didYouMean(name, names)}; there are: ${names.join(', ')}`, {
    ...(stage && { stage }),
    dataset: name,
  })
}

async function bindChecks({ definition, folder }: LoadedPipeline, bound: Bound, db: DuckDB): Promise<BoundPipeline['checks']> {
  const { check, parameters } = definition
  const others = Object.fromEntries(Object.values(bound.datasets).map(({ name, columns }) => [name, columns]))
  const values = { ...parameters, start: new Date(0), end: new Date(0), partition: '' } as SqlValues
  const checks: Record<string, readonly Check<string, string, string, string>[]> = {}
  for (const [dataset, given] of Object.entries(check ?? {})) {
    const rules = await Promise.all(given.map(async (rule) => ('rule' in rule ? rule : ruleOfSql(await withText(dataset, rule, folder)))))
    await bindRules({ dataset, rules, columns: datasetOf(bound, dataset).columns, others, parameters: values }, db)
    checks[dataset] = rules
  }
  return checks
}

/** The text of a `sql.file` check is read as a step's is. */
async function withText(dataset: string, sql: Sql, folder: string): Promise<Sql> {
  const step = (await loadStepTexts({ [dataset]: sql }, folder))[dataset]
  if (step?.engine !== 'duckdb') throw new RangeError(`a check of ${dataset} is no SQL`)
  return step
}

function targetsOf({ load, export: exports, extract }: AnyPipeline, bound: Bound): Target[] {
  const many = <T>(given: T | readonly T[]): readonly T[] => (Array.isArray(given) ? given : [given]) as readonly T[]
  const about = (name: string, merges: boolean) => {
    const dataset = datasetOf(bound, name)
    const changes = dataset.inputs.filter((input) => input.endsWith('.changes')).map(datasetOfName)
    const self = merges && extract[name]?.kind.by === 'cursor' ? [name] : []
    return { dataset: name, partitioned: dataset.partitioned, appliesLoadsOf: [...changes, ...self] }
  }
  return [
    ...Object.entries(load ?? {}).flatMap(([name, given]) =>
      many(given).map((each): Target => ({ ...about(name, each.disposition.mode === 'merge'), stage: 'load', load: each })),
    ),
    ...Object.entries(exports ?? {}).flatMap(([name, given]) =>
      many(given).map((each): Target => ({ ...about(name, false), stage: 'export', export: each })),
    ),
  ]
}

function checkFits(target: Target, dataset: BoundDataset): void {
  const place = { stage: target.stage, dataset: dataset.name, table: targetName(target) } as const
  try {
    if (target.appliesLoadsOf.length > 0 && dataset.partitioned)
      throw new ConfigError(
        `"${dataset.name}" is computed from changes and from a partition: loads are applied once, a partition whenever it is run`,
      )
    if (target.stage === 'load') checkTarget(target.load, dataset.columns, dataset)
    else {
      if (dataset.fromChanges)
        throw new ConfigError(`"${dataset.name}" is computed from changes, which an export would deliver only once`, {
          hint: 'export the current state instead',
        })
      checkExport(target.export, dataset)
      checkContract(target.export.contract, dataset.columns)
    }
  } catch (error) {
    throw placed(error, place)
  }
}
