import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ConfigError, placed } from '../core/errors.ts'
import { quoteIdentifier } from '../core/quote.ts'
import { type DuckDB, openDuckDB } from '../engines/duckdb.ts'
import { emptyRelation } from '../engines/relation.ts'
import { bindFrame } from './bind-frame.ts'
import { readableNames, refuseNames } from './bind-names.ts'
import { bindSelect, readSelect } from './bind-sql.ts'
import {
  type BindInput,
  type BindWarning,
  type Bound,
  type BoundDataset,
  datasetOfName,
  type ExtractedInput,
  type LoadedStep,
} from './bound.ts'
import { columnsRead } from './columns-read.ts'
import { refuseBuiltIns, registerUdfs } from './udf.ts'

const BIND_MEMORY_BYTES = 256 * 2 ** 20

/**
 * Binds a pipeline's steps on zero rows: without data, without a connection, in milliseconds. Each SQL step is described by DuckDB over empty relations of its inputs'
 * declared types; each frame is called with lazy frames of empty Parquet files that DuckDB wrote, and DuckDB describes what Polars sinks: the road that data takes.
 * With `db` (any open engine) the datasets stay in it as zero-row views under their names, so that the caller can bind SQL of its own against them.
 * @throws ConfigError with stage, dataset and, where known, column in its place: unknown names, cycles, SQL that is not one SELECT or reads
 * anything but datasets, unknown parameters, frames that need data, results whose types cannot be carried or whose names clash.
 */
export async function bindSteps(input: BindInput, db?: DuckDB): Promise<Bound> {
  refuseNames(input)
  const own =
    db ??
    (await openDuckDB({ memoryBytes: BIND_MEMORY_BYTES, threads: 1, temp: join(tmpdir(), 'millrace-bind'), zone: input.zone ?? 'UTC' }))
  const binder = new Binder(input, own)
  try {
    return await binder.bindAll()
  } finally {
    await binder[Symbol.asyncDispose]()
    if (!db) own.close()
  }
}

class Binder implements AsyncDisposable {
  readonly #input: BindInput
  readonly #db: DuckDB
  readonly #readable: readonly string[]
  readonly #bound = new Map<string, BoundDataset>()
  readonly #order: string[] = []
  readonly #warnings: BindWarning[] = []
  readonly #files = new Map<string, string>()
  readonly #partialFiles = new Map<string, string>()
  #udfs: ReadonlySet<string> = new Set()
  #folder: Promise<string> | undefined

  constructor(input: BindInput, db: DuckDB) {
    this.#input = input
    this.#db = db
    this.#readable = readableNames(input)
  }

  async bindAll(): Promise<Bound> {
    const { extracted, steps } = this.#input
    await refuseBuiltIns(this.#db, steps)
    this.#udfs = await registerUdfs(this.#db, steps)
    for (const [name, extract] of Object.entries(extracted)) {
      await this.#bindExtracted(name, extract)
      if (extract.by === 'cursor') await this.#bindExtracted(`${name}.changes`, extract)
    }
    for (const name of Object.keys(steps)) await this.#bind(name, [])
    return { datasets: Object.fromEntries(this.#bound), order: this.#order, warnings: this.#warnings, steps }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#folder) await rm(await this.#folder, { recursive: true, force: true })
  }

  async #bindExtracted(
    name: string,
    { columns, by, window, lookback = false, partitioned = by === 'window' }: ExtractedInput,
  ): Promise<void> {
    const changes = datasetOfName(name) !== name
    await this.#add({
      name,
      engine: 'extract',
      columns,
      reads: [],
      columnsRead: {},
      inputs: [name],
      parameters: [],
      partitioned,
      lookback,
      ...(lookback && window !== undefined && { window }),
      fromChanges: changes,
      floatAggregates: [],
      keep: false,
    })
  }

  async #add(dataset: BoundDataset): Promise<BoundDataset> {
    const changesOf = dataset.engine === 'extract' && dataset.fromChanges ? datasetOfName(dataset.name) : undefined
    if (changesOf !== undefined) await this.#db.run(`CREATE SCHEMA IF NOT EXISTS ${quoteIdentifier(changesOf)}`)
    await this.#db.run(`CREATE OR REPLACE VIEW ${tableOf(dataset.name, changesOf)} AS ${emptyRelation(dataset.columns)}`)
    this.#bound.set(dataset.name, dataset)
    return dataset
  }

  /** `path`: the datasets that wait for this one. */
  async #bind(name: string, path: readonly string[]): Promise<BoundDataset> {
    const done = this.#bound.get(name)
    if (done) return done
    const step = this.#input.steps[name]
    if (!step) throw new Error(`no dataset ${name}`)
    try {
      if (path.includes(name))
        throw new ConfigError(`datasets read each other in a cycle: ${[...path.slice(path.indexOf(name)), name].join(' -> ')}`)
      const dataset =
        step.engine === 'duckdb' ? await this.#bindSql(name, step, [...path, name]) : await this.#bindFrame(name, step, [...path, name])
      this.#order.push(name)
      return await this.#add(dataset)
    } catch (error) {
      throw placed(error, { stage: 'transform', dataset: name })
    }
  }

  async #bindSql(name: string, step: Extract<LoadedStep, { engine: 'duckdb' }>, path: readonly string[]): Promise<BoundDataset> {
    const select = await readSelect(this.#db, step, this.#input, this.#readable, this.#udfs)
    const read: BoundDataset[] = []
    for (const each of select.reads) read.push(await this.#bind(each, path))
    const { columns, floatAggregates } = await bindSelect(this.#db, step, select, read, this.#input)
    this.#warn(
      name,
      select.warnings.map((message) => ({ message })),
    )
    const named = read.flatMap((each) => {
      const found = columnsRead(select.tree, each.columns)
      return found ? [[each.name, found] as const] : []
    })
    return this.#computed(name, step, columns, read, select.parameters, floatAggregates, Object.fromEntries(named))
  }

  async #bindFrame(name: string, step: Extract<LoadedStep, { engine: 'polars' }>, path: readonly string[]): Promise<BoundDataset> {
    const frame = await bindFrame(name, step, {
      db: this.#db,
      input: this.#input,
      folder: () => (this.#folder ??= mkdtemp(join(tmpdir(), 'millrace-bind-'))),
      files: this.#files,
      partialFiles: this.#partialFiles,
      readable: this.#readable,
      bind: (each) => this.#bind(each, path),
    })
    const read = await Promise.all(frame.reads.map((each) => this.#bind(each, path)))
    this.#warn(
      name,
      frame.plan.turnedFloat.map((column) => ({
        column,
        message: `"${column}" turned from integer to float: a JavaScript number is a Float64 to Polars; write pl.lit(1).cast(pl.Int64)`,
      })),
    )
    this.#warn(
      name,
      frame.plan.wrappingSums.map((column) => ({
        column,
        message: wrapsAround(column, frame.columns[column] ?? ''),
      })),
    )
    this.#warn(
      name,
      frame.plan.lossyCasts.map(({ column, from, to }) => ({
        message: `"${column}" is cast from ${from} to ${to}: what does not fit becomes NULL without an error; write .cast(type, true)`,
      })),
    )
    return this.#computed(name, step, frame.columns, read, frame.parameters, frame.plan.floatAggregates, frame.columnsRead)
  }

  #computed(
    name: string,
    step: LoadedStep,
    columns: BoundDataset['columns'],
    read: readonly BoundDataset[],
    parameters: readonly string[],
    floatAggregates: readonly string[],
    columnsRead: BoundDataset['columnsRead'],
  ): BoundDataset {
    const lookback = read.some((each) => each.lookback)
    this.#checkWindow(name, step, columns, lookback)
    this.#warn(
      name,
      floatAggregates
        .filter((column) => !read.some((each) => each.floatAggregates.includes(column)))
        .map((column) => ({
          column,
          message: `"${column}" adds up floats, whose last digits depend on thread order; round it in an export's contract`,
        })),
    )
    return {
      name,
      engine: step.engine,
      columns,
      reads: read.map((each) => each.name),
      columnsRead,
      inputs: [...new Set(read.flatMap((each) => each.inputs))].sort(),
      parameters,
      partitioned: read.some((each) => each.partitioned) || parameters.some((each) => ['start', 'end', 'partition'].includes(each)),
      lookback,
      ...(step.window !== undefined && { window: step.window }),
      fromChanges: read.some((each) => each.fromChanges),
      floatAggregates,
      keep: step.keep ?? false,
    }
  }

  #checkWindow(name: string, { window }: LoadedStep, columns: BoundDataset['columns'], lookback: boolean): void {
    if (window === undefined) {
      if (lookback && this.#input.wanted.includes(name))
        throw new ConfigError(
          `it is computed from a dataset with a lookback; name the time column that cuts it to the partition again: { window: '…' }`,
        )
      return
    }
    if (this.#input.partitioned !== 'time') throw windowOption(`window: '${window}' needs partitions by time`, window)
    const type = columns[window]
    const times = Object.keys(columns).filter((column) => isTime(columns[column]))
    if (type === undefined || !isTime(type))
      throw windowOption(
        `window: '${window}' ${type === undefined ? 'is none of its columns' : `is ${type}`}; it must be one of its dates and timestamps: ${times.join(', ') || 'there are none'}`,
        window,
      )
  }

  #warn(dataset: string, warnings: readonly Omit<BindWarning, 'dataset'>[]): void {
    this.#warnings.push(...warnings.map((warning) => ({ dataset, ...warning })))
  }
}

function wrapsAround(column: string, type: string): string {
  const [bits, wider] = type.endsWith('32') ? ['32', 'pl.Int64'] : ['64', 'pl.Decimal(38, 0)']
  return `"${column}" adds up ${type}, which wraps around beyond ${bits} bits in Polars without an error; write .cast(${wider}) before .sum()`
}

function windowOption(message: string, column: string): ConfigError {
  return new ConfigError(message, { column })
}

function isTime(type: string | undefined): boolean {
  return type === 'date' || type === 'timestamp' || type === 'timestamptz'
}

/** A dataset's name in SQL: `"customer"`, `"customer"."changes"`. */
function tableOf(name: string, changesOf: string | undefined): string {
  return changesOf === undefined ? quoteIdentifier(name) : `${quoteIdentifier(changesOf)}.changes`
}
