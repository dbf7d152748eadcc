import { bindRules } from '../check/bind.ts'
import { type Check, ruleOfSql } from '../check/rules.ts'
import type { SourceConnection } from '../connectors/source.ts'
import type { Columns } from '../core/dataset.ts'
import { durationMs } from '../core/duration.ts'
import { ConfigError, placed } from '../core/errors.ts'
import { didYouMean } from '../core/nearest.ts'
import type { DuckDB, SqlValues } from '../engines/duckdb.ts'
import { parseType } from '../engines/types.ts'
import { checkContract } from '../export/check-contract.ts'
import { checkExport } from '../export/check-export.ts'
import type { Export } from '../export/contract.ts'
import type { Extract } from '../extract/source.ts'
import { checkTables, checkTarget } from '../load/check-target.ts'
import type { Load } from '../load/targets.ts'
import { bindSteps } from '../transform/bind.ts'
import { type Bound, type BoundDataset, datasetOfName } from '../transform/bound.ts'
import { loadStepTexts } from '../transform/load-steps.ts'
import type { Sql } from '../transform/steps.ts'
import type { AnyPipeline, Schema } from './definition.ts'
import type { LoadedPipeline } from './load-definition.ts'

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

/** A pipeline bound on zero rows: every name and type in it checked, what depends on what known. Nothing was opened for it. */
export interface BoundPipeline {
  readonly loaded: LoadedPipeline
  readonly definition: AnyPipeline
  readonly bound: Bound
  readonly targets: readonly Target[]
  readonly checks: Readonly<Record<string, readonly Check<string, string, string, string>[]>>
  /** IANA zone of the partitions; UTC without. */
  readonly zone: string
}

/** How a target is called in reports, tokens and errors: its table or path. */
export function targetName(target: Target): string {
  return target.stage === 'load' ? target.load.table : target.export.path
}

/** The declared columns of an extracted dataset. */
export function declaredColumns(schema: Schema, dataset: string): Columns | undefined {
  return schema[dataset]
}

/**
 * Binds a whole pipeline against a schema, without a connection.
 * @throws ConfigError placed at stage and dataset, with the pipeline's name
 */
export async function bindPipeline(
  loaded: LoadedPipeline,
  schema: Schema,
  connections: Readonly<Record<string, SourceConnection>>,
  db: DuckDB,
): Promise<BoundPipeline> {
  const { definition } = loaded
  try {
    for (const [dataset, extract] of Object.entries(definition.extract)) checkExtract(dataset, extract, definition, schema, connections)
    const zone = definition.partition?.by === 'time' ? definition.partition.zone : 'UTC'
    const wanted = [...new Set([...keysOf(definition.check), ...keysOf(definition.load), ...keysOf(definition.export)])]
    const bound = await bindSteps(
      {
        extracted: Object.fromEntries(
          Object.entries(definition.extract).map(([name, { kind }]) => [
            name,
            {
              columns: schema[name] ?? {},
              by: kind.by,
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
    for (const name of wanted) datasetOf(bound, name)
    const checks = await bindChecks(definition, bound, db)
    const targets = targetsOf(definition, bound)
    for (const target of targets) checkFits(target, datasetOf(bound, target.dataset))
    checkTables(targets.flatMap((t) => (t.stage === 'load' ? [{ dataset: t.dataset, target: t.load }] : [])))
    checkPaths(targets)
    return { loaded, definition, bound, targets, checks, zone }
  } catch (error) {
    throw placed(error, { pipeline: definition.name })
  }
}

/** A request that names its partition is read for each one, window or not. */
function asksForPartition(request: unknown): boolean {
  return /\{(partition|start|end)\}/.test(JSON.stringify(request))
}

function keysOf(record: Readonly<Record<string, unknown>> | undefined): string[] {
  return Object.keys(record ?? {})
}

function datasetOf(bound: Bound, name: string): BoundDataset {
  const found = bound.datasets[name]
  if (found) return found
  const names = Object.keys(bound.datasets)
  throw new ConfigError(`unknown dataset "${name}"${didYouMean(name, names)}; there are: ${names.join(', ')}`, { dataset: name })
}

function checkExtract(
  dataset: string,
  { connection, request, kind, expressions }: Extract<string>,
  { partition, transform }: AnyPipeline,
  schema: Schema,
  connections: Readonly<Record<string, SourceConnection>>,
): void {
  const place = { stage: 'extract', dataset } as const
  if (transform && Object.hasOwn(transform, dataset))
    throw new ConfigError(`"${dataset}" is both extracted and transformed: a dataset has one name`, place)
  if (dataset.includes('.'))
    throw new ConfigError(`dataset name "${dataset}" must not hold a dot: "<name>.changes" is a dataset of its own`, place)
  const configured = Object.hasOwn(connections, connection) ? connections[connection] : undefined
  if (!configured) {
    const names = Object.keys(connections)
    throw new ConfigError(
      `unknown connection "${connection}"${didYouMean(connection, names)}; the profile has: ${names.join(', ') || 'none'}`,
      place,
    )
  }
  if (!configured.methods.includes(request.method))
    throw new ConfigError(
      `connection "${connection}" is of kind ${configured.kind}, which does not answer ${request.method}; it takes ${configured.methods.join(', ')}`,
      place,
    )
  const columns = schema[dataset]
  if (!columns || Object.keys(columns).length === 0)
    throw new ConfigError(`schema.ts has no columns for "${dataset}"`, {
      ...place,
      hint: 'run millrace plan <pipeline> --discover: it asks the source once and writes them',
    })
  for (const [column, type] of Object.entries(columns)) {
    try {
      parseType(type)
    } catch (error) {
      throw placed(error, { ...place, column })
    }
  }
  const named = kind.by === 'whole' ? [] : kind.by === 'window' ? [kind.column] : [kind.column, ...kind.key]
  for (const column of named)
    if (!Object.hasOwn(columns, column))
      throw new ConfigError(
        `${kind.by} column "${column}" is not in schema.ts${didYouMean(column, Object.keys(columns))}; there are: ${Object.keys(columns).join(', ')}`,
        { ...place, column },
      )
  if (kind.by === 'window') {
    if (!partition || partition.by !== 'time')
      throw new ConfigError(`window "${kind.column}" needs a partition of time`, {
        ...place,
        hint: "add partition: day({ from: '…' }) to the pipeline",
      })
    if (!['timestamp', 'timestamptz', 'date'].includes(columns[kind.column] ?? ''))
      throw new ConfigError(`window column "${kind.column}" is ${columns[kind.column]}; expected timestamp, timestamptz or date`, {
        ...place,
        column: kind.column,
      })
    if (kind.lookback !== undefined) durationMs(kind.lookback)
  }
  if (kind.by !== 'window' && asksForPartition(request)) {
    if (kind.by === 'cursor')
      throw new ConfigError(`a cursor dataset is read once for each run: its request cannot name a partition`, place)
    if (!partition) throw new ConfigError(`the request names a partition, but the pipeline has none`, place)
  }
  if (kind.by === 'cursor' && kind.overlap !== undefined) durationMs(kind.overlap)
  if (expressions) {
    const missing = Object.keys(columns).filter((column) => !Object.hasOwn(expressions, column))
    const extra = Object.keys(expressions).filter((column) => !Object.hasOwn(columns, column))
    if (missing.length + extra.length > 0 || !schema[`${dataset}.source`])
      throw new ConfigError(
        `schema.ts does not fit the columns of "${dataset}"${missing.length > 0 ? `: ${missing.join(', ')} have no expression` : extra.length > 0 ? `: ${extra.join(', ')} are not in schema.ts` : ''}`,
        {
          ...place,
          hint: 'run millrace plan <pipeline> --discover',
        },
      )
  }
  if ('each' in request && request.each) {
    const parent = schema[request.each.parent]
    if (!parent) throw new ConfigError(`each: unknown parent dataset "${request.each.parent}"`, place)
    if (!Object.hasOwn(parent, request.each.column))
      throw new ConfigError(`each: parent "${request.each.parent}" has no column "${request.each.column}"`, place)
  }
}

async function bindChecks({ check, parameters }: AnyPipeline, bound: Bound, db: DuckDB): Promise<BoundPipeline['checks']> {
  const others = Object.fromEntries(Object.values(bound.datasets).map(({ name, columns }) => [name, columns]))
  const values = { ...parameters, start: new Date(0), end: new Date(0), partition: '' } as SqlValues
  const checks: Record<string, readonly Check<string, string, string, string>[]> = {}
  for (const [dataset, given] of Object.entries(check ?? {})) {
    const rules = given.map((rule) => ('rule' in rule ? rule : ruleOfSql(rule as Sql)))
    await bindRules({ dataset, rules, columns: datasetOf(bound, dataset).columns, others, parameters: values }, db)
    checks[dataset] = rules
  }
  return checks
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

function checkPaths(targets: readonly Target[]): void {
  const seen = new Map<string, string>()
  for (const target of targets) {
    if (target.stage !== 'export') continue
    const first = seen.get(target.export.path)
    if (first !== undefined)
      throw new ConfigError(`"${target.export.path}" is exported from both ${first} and ${target.dataset}`, {
        stage: 'export',
        dataset: target.dataset,
      })
    seen.set(target.export.path, target.dataset)
  }
}
