import { randomBytes } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { bindRules } from '../../check/bind.ts'
import { check } from '../../check/check.ts'
import type { RuleReport } from '../../check/report.ts'
import { ruleOfSql } from '../../check/rules.ts'
import { systemClock } from '../../core/clock.ts'
import { codePlace } from '../../core/code-place.ts'
import type { RunContext } from '../../core/context.ts'
import type { Columns, Dataset } from '../../core/dataset.ts'
import { exists } from '../../core/disk.ts'
import { CheckError, ConfigError, MillraceError, messageOf, placed } from '../../core/errors.ts'
import { missingPackageHint } from '../../core/missing-package.ts'
import { type DuckDB, openDuckDB } from '../../engines/duckdb.ts'
import { openReader } from '../../engines/reader.ts'
import { bindSteps } from '../../transform/bind.ts'
import type { Bound } from '../../transform/bound.ts'
import { loadStepTexts } from '../../transform/load-steps.ts'
import { transform } from '../../transform/run.ts'
import { sampleRows } from '../define/sample.ts'
import { type Project, statePaths } from '../project.ts'
import { openWorkspace } from '../run/workspace.ts'
import type { AnyExperiment } from './experiment.ts'
import { inputDataset, inputText } from './experiment-inputs.ts'

/** One cell as it is printed. */
export interface CellReport {
  readonly name: string
  readonly engine: 'duckdb' | 'polars'
  readonly columns: Columns
  readonly rows: number
  /** As given, or all columns. */
  readonly orderedBy: readonly string[]
  /** The first rows as text, null for NULL, in the columns' order. */
  readonly sample: readonly (readonly (string | null)[])[]
}

export interface ExperimentReport {
  readonly name: string
  readonly inputs: readonly { readonly name: string; readonly from: string; readonly rows: number }[]
  readonly cells: readonly CellReport[]
  readonly checks: readonly (RuleReport & { readonly dataset: string })[]
  /** 3 when a check of severity `error` failed, else 0. */
  readonly exitCode: number
}

const DEFAULT_ROWS = 10

/**
 * Runs `experiments/<name>.exp.ts`: makes its inputs datasets, binds its cells on zero rows, computes them as a pipeline would, and checks them. Nothing is left behind; the
 * report is the same every time for the same inputs.
 * @throws ConfigError for a file that is no experiment and cells that do not bind; what the engines throw
 */
export async function runExperiment(
  project: Project,
  name: string,
  options: { readonly signal?: AbortSignal } = {},
): Promise<ExperimentReport> {
  const definition = await loadExperiment(project.config.folder, name)
  const { limits, state } = project.config
  const signal = options.signal ?? new AbortController().signal
  const run = `exp-${process.pid}-${randomBytes(3).toString('hex')}`
  const workspace = await openWorkspace(statePaths(state).workspaces, run)
  const reader = openReader({ limits, zone: 'UTC', temp: join(workspace.folder, 'reader'), signal })
  let db: DuckDB | undefined
  try {
    db = await openDuckDB({ ...limits, temp: join(workspace.folder, 'spill') })
    const ctx: RunContext = { pipeline: name, run, clock: systemClock, signal, workspace: workspace.folder, limits, emit: () => {} }
    const inputs: Record<string, Dataset> = {}
    for (const [input, from] of Object.entries(definition.inputs)) inputs[input] = await inputDataset(input, from, { project, reader, ctx })
    return await computed(definition, inputs, join(project.config.folder, 'experiments'), db, ctx)
  } catch (error) {
    throw placed(error, { pipeline: name })
  } finally {
    db?.close()
    await reader.close()
    await workspace.close()
  }
}

async function computed(
  definition: AnyExperiment,
  inputs: Readonly<Record<string, Dataset>>,
  folder: string,
  db: DuckDB,
  ctx: RunContext,
): Promise<ExperimentReport> {
  const cells = Object.keys(definition.cells)
  const bound = await bindSteps(
    {
      extracted: Object.fromEntries(Object.entries(inputs).map(([input, { columns }]) => [input, { columns, by: 'whole' as const }])),
      steps: await loadStepTexts(definition.cells, folder),
      parameters: {},
      partitioned: 'none',
      wanted: cells,
    },
    db,
  )
  const rules = await boundRules(definition, bound, db)
  const made = await transform(bound, { inputs, wanted: cells, window: {}, parameters: {}, zone: 'UTC' }, ctx)
  const datasets = { ...inputs, ...made }
  const reports: CellReport[] = []
  for (const cell of cells) {
    const dataset = made[cell]
    if (!dataset) throw new RangeError(`transform gave no ${cell}`)
    const view = definition.show?.[cell] ?? {}
    const orderedBy = view.orderBy ?? Object.keys(dataset.columns)
    const sample = await sampleRows(db, dataset, { orderBy: orderedBy, rows: view.rows ?? DEFAULT_ROWS, signal: ctx.signal })
    reports.push({
      name: cell,
      engine: bound.datasets[cell]?.engine === 'polars' ? 'polars' : 'duckdb',
      columns: dataset.columns,
      rows: dataset.rows,
      orderedBy,
      sample,
    })
  }
  const checks: (RuleReport & { dataset: string })[] = []
  for (const [dataset, given] of Object.entries(rules)) {
    const of = datasets[dataset]
    if (!of) throw new RangeError(`${dataset} was bound and not made`)
    const { rules: verdicts } = await check({ dataset: of, rules: given, others: datasets, parameters: {} }, ctx)
    checks.push(...verdicts.map((verdict) => ({ dataset, ...verdict })))
  }
  const failed = checks.some(({ passed, severity }) => !passed && severity === 'error')
  return {
    name: ctx.pipeline,
    inputs: Object.entries(definition.inputs).map(([input, from]) => ({
      name: input,
      from: inputText(from),
      rows: inputs[input]?.rows ?? 0,
    })),
    cells: reports,
    checks,
    exitCode: failed ? new CheckError('').exitCode : 0,
  }
}

async function boundRules({ checks }: AnyExperiment, { datasets }: Bound, db: DuckDB) {
  const others = Object.fromEntries(Object.values(datasets).map(({ name, columns }) => [name, columns]))
  const bound: Record<string, Parameters<typeof bindRules>[0]['rules']> = {}
  for (const [dataset, given = []] of Object.entries(checks ?? {})) {
    const columns = others[dataset]
    if (!columns)
      throw new ConfigError(`checks: unknown dataset "${dataset}"; there are: ${Object.keys(others).join(', ')}`, {
        stage: 'check',
        dataset,
      })
    const rules = given.map((rule) => ('rule' in rule ? rule : ruleOfSql({ ...rule, text: rule.text ?? '' })))
    await bindRules({ dataset, rules, columns, others, parameters: {} }, db)
    bound[dataset] = rules
  }
  return bound
}

/** Names of the experiments of a project, ascending. */
export async function experimentNames(project: string): Promise<readonly string[]> {
  const files = await readdir(join(project, 'experiments')).catch(() => [])
  return [...new Set(files.flatMap((file) => /^(.+)\.exp\.[jt]s$/.exec(file)?.[1] ?? []))].sort()
}

async function loadExperiment(project: string, name: string): Promise<AnyExperiment> {
  const file = await [`${name}.exp.ts`, `${name}.exp.js`].reduce<Promise<string | undefined>>(async (found, each) => {
    const path = join(project, 'experiments', each)
    return (await found) ?? ((await exists(path)) ? path : undefined)
  }, Promise.resolve(undefined))
  if (!file) {
    const names = await experimentNames(project)
    throw new ConfigError(`no experiment "${name}": ${join(project, 'experiments', `${name}.exp.ts`)} is not there`, {
      ...(names.length > 0 && { hint: `there are: ${names.join(', ')}` }),
    })
  }
  const where = relative(project, file)
  const module: { readonly default?: unknown } = await import(pathToFileURL(file).href).catch((cause: unknown) => {
    if (cause instanceof MillraceError) throw cause.at({ file: where })
    const hint = missingPackageHint(cause)
    throw new ConfigError(`${where} cannot be loaded: ${messageOf(cause)}${codePlace(cause, file)}`, {
      ...{ cause, file: where },
      ...(hint !== undefined && { hint }),
    })
  })
  const value = module.default
  if (value === null || typeof value !== 'object' || !('cells' in value) || !('inputs' in value))
    throw new ConfigError(`${where} does not export an experiment`, { file: where, hint: 'end it with `export default experiment({ … })`' })
  return value as AnyExperiment
}
