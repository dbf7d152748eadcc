import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { LazyDataFrame } from 'nodejs-polars'
import { elapsedMs } from '../core/clock.ts'
import type { RunContext } from '../core/context.ts'
import type { Columns, Dataset } from '../core/dataset.ts'
import { ConfigError, messageOf } from '../core/errors.ts'
import { bytesOfFiles } from '../core/files-bytes.ts'
import { hashOf } from '../core/hash.ts'
import { tellBytesOf } from '../core/progress.ts'
import { quoteIdentifier, quoteLiteral } from '../core/quote.ts'
import type { DuckDB, SqlValues } from '../engines/duckdb.ts'
import { loadPolars, type Polars, scanParquet, sinkParquet } from '../engines/polars.ts'
import { casts, fileColumns, relationOfFiles } from '../engines/relation.ts'
import { rowCounter } from '../formats/count-rows.ts'
import { type Bound, datasetOfName } from './bound.ts'
import { frameColumns } from './carried-types.ts'
import { isOutOfMemory, transformError } from './engine-errors.ts'
import { callFrame } from './frame-guard.ts'
import type { TransformPlan, Write } from './plan-writes.ts'
import { given, type TransformRequest } from './request.ts'
import { cutToWindow, fuseSteps, type Statement } from './statement.ts'
import type { FrameWindow } from './steps.ts'
import { hasUdf, registerUdfs, udfOfError } from './udf.ts'
import { columnsOfFiles, parquetOptions, requireColumns, sameColumns } from './written.ts'

/** Carries out a plan's writes, one after the other, in one engine and one folder. */
export class Transformer {
  readonly #bound: Bound
  readonly #request: TransformRequest
  readonly #ctx: RunContext
  readonly #plan: TransformPlan
  readonly #folder: string
  readonly #db: DuckDB
  readonly #values: SqlValues
  /** Datasets at hand, uncut: what steps read. */
  readonly #ready = new Map<string, Dataset>()
  /** Their files as frames read them. */
  readonly #frameFiles = new Map<string, readonly string[]>()
  readonly #written: string[] = []

  constructor(bound: Bound, request: TransformRequest, ctx: RunContext, plan: TransformPlan, folder: string, db: DuckDB) {
    this.#bound = bound
    this.#request = request
    this.#ctx = ctx
    this.#plan = plan
    this.#folder = folder
    this.#db = db
    const { start, end, partition } = request.window
    this.#values = { ...request.parameters, ...(start && { start }), ...(end && { end }), ...(partition !== undefined && { partition }) }
  }

  async run(): Promise<Record<string, Dataset>> {
    await registerUdfs(this.#db, this.#bound.steps)
    const results = new Map<string, Dataset>()
    for (const name of this.#plan.inputs) await this.#offer(name, given(this.#request, name))
    for (const { name, cut } of this.#plan.extracted) {
      const dataset = given(this.#request, name)
      results.set(
        name,
        cut !== undefined && this.#request.window.start ? await this.#reported(name, [name], () => this.#cut(dataset, cut)) : dataset,
      )
    }
    for (const write of this.#plan.writes) {
      const dataset = await this.#reported(write.name, write.reads, () => this.#write(write))
      if (this.#request.wanted.includes(write.name)) results.set(write.name, dataset)
    }
    const kept = new Set([...results.values()].flatMap(({ files }) => files))
    for (const file of this.#written) if (!kept.has(file)) await rm(file, { force: true })
    return Object.fromEntries(this.#request.wanted.map((name) => [name, results.get(name) as Dataset]))
  }

  async #reported(dataset: string, reads: readonly string[], work: () => Promise<Dataset>): Promise<Dataset> {
    const began = elapsedMs(this.#ctx.clock)
    const inputs = reads.map((read) => this.#ready.get(read) ?? given(this.#request, read))
    const read = {
      inputRows: inputs.reduce((sum, { rows }) => sum + rows, 0),
      inputBytes: await bytesOfFiles(inputs.flatMap(({ files }) => files)),
    }
    const ended = (
      outcome: 'done' | 'failed',
      counts: { readonly rows?: number; readonly bytes?: number; readonly inputKey?: string } = {},
    ) =>
      this.#ctx.emit({
        type: 'stage',
        phase: 'end',
        stage: 'transform',
        dataset,
        ...read,
        ...counts,
        ms: elapsedMs(this.#ctx.clock) - began,
        outcome,
      })
    this.#ctx.emit({ type: 'stage', phase: 'start', stage: 'transform', dataset })
    try {
      const done = await work()
      ended('done', { rows: done.rows, bytes: await bytesOfFiles(done.files), inputKey: done.hash })
      return done
    } catch (error) {
      ended('failed')
      throw error
    }
  }

  /** Writes a step's result; gives the wanted form of it, and offers the uncut one to the steps that read it. */
  async #write(write: Write): Promise<Dataset> {
    const { name, engine, cut } = write
    const windowed = cut !== undefined && this.#request.window.start !== undefined
    if (engine === 'duckdb' && windowed && !write.readOn) {
      const { sql, values } = fuseSteps(this.#bound, write.fused, name, this.#values)
      return this.#copy(name, { sql: cutToWindow(`(${sql})`, cut), values }, write)
    }
    const whole =
      engine === 'duckdb' ? await this.#copy(name, fuseSteps(this.#bound, write.fused, name, this.#values), write) : await this.#sink(write)
    if (write.readOn) await this.#offer(name, whole)
    if (!windowed) return whole
    return this.#cut(whole, cut)
  }

  async #copy(name: string, { sql, values }: Statement, write?: Write, columns = this.#boundColumns(name)): Promise<Dataset> {
    const file = this.#nextFile(name)
    const copy = `COPY (${sql}) TO ${quoteLiteral(file)} ${parquetOptions(this.#ctx.limits)}`
    using _told = tellBytesOf([file], this.#ctx, { stage: 'transform', dataset: name })
    try {
      // Twice as slow under memory pressure; an ORDER BY holds either way.
      await this.#db.run(`SET preserve_insertion_order = ${write?.keepsOrder ?? false}`)
      await this.#db.run(copy, values, this.#ctx.signal).catch((error: unknown) => this.#copyWithOneThread(name, file, copy, values, error))
    } catch (error) {
      const udf = udfOfError(messageOf(error))
      const owner = udf && [...(write?.fused ?? []), name].find((each) => hasUdf(this.#bound.steps[each], udf))
      throw transformError(error, 'duckdb', { dataset: owner ?? name }, this.#ctx.signal)
    }
    return this.#datasetOf(name, file, columns)
  }

  /** Each thread has buffers of its own: what is too much for several may fit one. */
  async #copyWithOneThread(dataset: string, file: string, copy: string, values: SqlValues, error: unknown): Promise<void> {
    if (!isOutOfMemory(messageOf(error)) || this.#ctx.limits.threads === 1 || this.#ctx.signal.aborted) throw error
    this.#ctx.emit({
      type: 'warning',
      stage: 'transform',
      dataset,
      message: 'too little memory for several threads; computed again with one',
    })
    await rm(file, { force: true })
    await this.#db.run('SET threads = 1')
    try {
      await this.#db.run(copy, values, this.#ctx.signal)
    } finally {
      await this.#db.run(`SET threads = ${this.#ctx.limits.threads}`)
    }
  }

  async #sink(write: Write): Promise<Dataset> {
    const pl = await loadPolars()
    const file = this.#nextFile(write.name)
    const lazy = new Map<string, LazyDataFrame>()
    for (const name of write.reads) {
      const files = await this.#filesForFrames(name)
      // Partitions that a look-back shows may have further columns.
      const columns = files.length > 1 ? Object.keys((this.#ready.get(name) ?? given(this.#request, name)).columns) : undefined
      lazy.set(name, scanParquet(pl, files, columns))
    }
    // The other engine's turn.
    await this.#db.release()
    using _told = tellBytesOf([file], this.#ctx, { stage: 'transform', dataset: write.name })
    try {
      for (const name of [...write.fused, write.name]) lazy.set(name, this.#call(pl, name, lazy))
      await sinkParquet(lazy.get(write.name) as LazyDataFrame, file)
    } catch (error) {
      throw transformError(error, 'polars', { dataset: write.name }, this.#ctx.signal)
    }
    this.#ctx.signal.throwIfAborted()
    return this.#datasetOf(write.name, file)
  }

  #call(pl: Polars, name: string, lazy: ReadonlyMap<string, LazyDataFrame>): LazyDataFrame {
    const step = this.#bound.steps[name]
    if (step?.engine !== 'polars') throw new Error(`${name} is no frame`)
    const reads = this.#bound.datasets[name]?.reads ?? []
    const datasets = new Proxy<Record<string, LazyDataFrame>>(Object.create(null), {
      get: (_, read) => {
        if (typeof read === 'string' && reads.includes(read)) return lazy.get(read)
        throw new ConfigError(
          `it reads "${String(read)}" on data, but not on zero rows: what a frame reads must not depend on the partition`,
          { dataset: name },
        )
      },
    })
    const { start, end, partition } = this.#request.window
    const window = { start, end, partition, parameters: this.#request.parameters } as FrameWindow
    return callFrame(pl, step.frame as never, datasets, window)
  }

  /** A dataset's files as frames read them: uuid and json as text, and every column of its declared type. */
  async #filesForFrames(name: string): Promise<readonly string[]> {
    const known = this.#frameFiles.get(name)
    if (known) return known
    const { columns, files } = this.#ready.get(name) ?? given(this.#request, name)
    const wanted = frameColumns(name, columns)
    let usable = files
    if (!sameColumns(await columnsOfFiles(this.#db, files), wanted)) {
      const file = this.#nextFile(name)
      await this.#db.run(`SET preserve_insertion_order = true`)
      const sql = `SELECT ${casts(wanted)} FROM (${relationOfFiles(columns, files)})`
      await this.#db.run(`COPY (${sql}) TO ${quoteLiteral(file)} ${parquetOptions(this.#ctx.limits)}`, {}, this.#ctx.signal)
      usable = [file]
    }
    this.#frameFiles.set(name, usable)
    return usable
  }

  /** Makes a dataset readable under its name in SQL. */
  async #offer(name: string, dataset: Dataset): Promise<void> {
    this.#ready.set(name, dataset)
    const changesOf = datasetOfName(name)
    if (changesOf !== name) await this.#db.run(`CREATE SCHEMA IF NOT EXISTS ${quoteIdentifier(changesOf)}`)
    const table = changesOf === name ? quoteIdentifier(name) : `${quoteIdentifier(changesOf)}.changes`
    await this.#db.run(`CREATE VIEW ${table} AS ${relationOfFiles(dataset.columns, dataset.files)}`)
  }

  async #cut(dataset: Dataset, column: string): Promise<Dataset> {
    const relation = `(SELECT ${casts(fileColumns(dataset.columns))} FROM (${relationOfFiles(dataset.columns, dataset.files)}))`
    const { rows, files } = await this.#copy(
      dataset.name,
      { sql: cutToWindow(relation, column), values: this.#values },
      undefined,
      dataset.columns,
    )
    return { ...dataset, rows, files, hash: hashOf({ cut: dataset.hash, column, window: this.#request.window }) }
  }

  #boundColumns(name: string): Columns {
    return this.#bound.datasets[name]?.columns ?? {}
  }

  /** Compares what was written with what was bound; of what has landed before a column that nothing reads was there, with what landed. */
  async #datasetOf(name: string, file: string, columns = this.#boundColumns(name)): Promise<Dataset> {
    requireColumns(name, await columnsOfFiles(this.#db, [file]), fileColumns(columns))
    return { name, columns, files: [file], rows: await rowCounter(this.#db)(file), hash: this.#hashOf(name) }
  }

  #hashOf(name: string): string {
    const { reads = [], columns, parameters = [] } = this.#bound.datasets[name] ?? {}
    const step = this.#bound.steps[name]
    if (!step) return this.#request.inputs[name]?.hash ?? ''
    return hashOf({
      columns,
      code:
        step.engine === 'duckdb'
          ? [step.text, step.values.map(String), Object.values(step.udf ?? {}).map((udf) => String(udf.apply))]
          : String(step.frame),
      inputs: reads.map((read) => [read, this.#hashOf(read)]),
      parameters: parameters.map((parameter) => [parameter, String(this.#values[parameter])]),
    })
  }

  #nextFile(name: string): string {
    const file = join(this.#folder, `${this.#written.length + 1}-${name.replaceAll(/[^A-Za-z0-9_-]/g, '_').slice(0, 60)}.parquet`)
    this.#written.push(file)
    return file
  }
}
