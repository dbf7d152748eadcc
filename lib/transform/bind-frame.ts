import { join } from 'node:path'
import type { DataFrame, LazyDataFrame } from 'nodejs-polars'
import type { Columns } from '../core/dataset.ts'
import { ConfigError, messageOf } from '../core/errors.ts'
import { quoteLiteral } from '../core/quote.ts'
import type { DuckDB } from '../engines/duckdb.ts'
import { loadPolars, type Polars, polarsWords, scanParquet, sinkParquet } from '../engines/polars.ts'
import { emptyRelation } from '../engines/relation.ts'
import { SAMPLE_WINDOW, unknownDataset, unknownParameter, windowMissing } from './bind-names.ts'
import type { BindInput, BoundDataset, LoadedStep } from './bound.ts'
import { carriedColumns, frameColumns } from './carried-types.ts'
import { type CallOver, columnsReadByFrame, FOREIGN_COLUMN } from './frame-columns.ts'
import { callFrame } from './frame-guard.ts'
import { type FramePlan, readFramePlan } from './frame-plan.ts'
import type { FrameWindow } from './steps.ts'

/** What binding a frame needs from the DAG's binding. */
export interface FrameScope {
  readonly db: DuckDB
  readonly input: BindInput
  /** A folder for zero-row files, made at the first frame. */
  readonly folder: () => Promise<string>
  /** Zero-row files by dataset. */
  readonly files: Map<string, string>
  /** Zero-row files of some of a dataset's columns, by dataset and columns. */
  readonly partialFiles: Map<string, string>
  /** All names that a step may read. */
  readonly readable: readonly string[]
  /** Binds a dataset if it is not bound yet. */
  readonly bind: (name: string) => Promise<BoundDataset>
}

/** A frame bound on zero rows. */
export interface BoundFrame {
  readonly columns: Record<string, string>
  readonly reads: readonly string[]
  /** Of each extracted dataset read the columns that the result can depend on; of one that is not named, all. */
  readonly columnsRead: Readonly<Record<string, readonly string[]>>
  readonly parameters: readonly string[]
  readonly plan: FramePlan
}

type FrameOnly = Extract<LoadedStep, { readonly engine: 'polars' }>

/**
 * Binds a frame: calls it with lazy frames of empty files. A dataset that is not at hand yet throws inside the function, is bound, and the function runs again: frames are pure.
 * @throws ConfigError without a dataset in its place
 */
export async function bindFrame(name: string, step: FrameOnly, scope: FrameScope): Promise<BoundFrame> {
  const pl = await loadPolars()
  for (;;) {
    const reads = new Set<string>()
    const parameters = new Set<string>()
    let missing: string | undefined
    const datasets = recording(scope.readable, reads, (dataset) => {
      const file = scope.files.get(dataset)
      if (file !== undefined) return scanParquet(pl, [file])
      missing = dataset
      throw new Error(`${dataset} is not bound yet`)
    })
    let frame: LazyDataFrame | undefined
    let failure: unknown
    try {
      frame = callFrame(pl, step.frame as never, datasets, recordingWindow(scope.input, parameters))
    } catch (error) {
      failure = error
    }
    if (missing !== undefined) {
      await emptyFile(missing, scope)
      continue
    }
    if (!frame)
      throw failure instanceof ConfigError
        ? failure
        : new ConfigError(`the frame threw: ${polarsWords(messageOf(failure))}`, { cause: failure })
    const file = join(await scope.folder(), `${scope.files.size}.parquet`)
    const inputs = await Promise.all([...reads].map(scope.bind))
    const columns = await describeFrame(scope.db, frame, file, inputs)
    const plan = readFramePlan(frame, inputs, columns)
    const files = new Map([...reads].map((read) => [read, scope.files.get(read) ?? '']))
    scope.files.set(name, file)
    // One that looks at the partition may read others in another.
    const looks = WINDOW.some((own) => parameters.has(own))
    const columnsRead = looks ? {} : await columnsReadByFrame({ frame, files }, inputs, callOver(pl, step, inputs, scope))
    return { columns, reads: [...reads], columnsRead, parameters: [...parameters], plan }
  }
}

const WINDOW: readonly string[] = ['start', 'end', 'partition']

/** Calls a bound frame over other columns. */
function callOver(pl: Polars, step: FrameOnly, inputs: readonly BoundDataset[], scope: FrameScope): CallOver {
  return async (columns) => {
    const files = new Map<string, string>()
    for (const { name, columns: own } of inputs) {
      const some = columns.get(name)
      files.set(name, some ? await partialFile(name, own, some, scope) : (scope.files.get(name) ?? ''))
    }
    const datasets = recording(scope.readable, new Set(), (read) => scanParquet(pl, [files.get(read) ?? '']))
    return { frame: callFrame(pl, step.frame as never, datasets, recordingWindow(scope.input, new Set())), files }
  }
}

async function partialFile(name: string, own: Columns, columns: readonly string[], scope: FrameScope): Promise<string> {
  const key = JSON.stringify([name, columns])
  const there = scope.partialFiles.get(key)
  if (there !== undefined) return there
  const file = join(await scope.folder(), `some-${scope.partialFiles.size}.parquet`)
  const some = Object.fromEntries(columns.map((column) => [column, column === FOREIGN_COLUMN ? 'int64' : (own[column] ?? '')]))
  await scope.db.run(`COPY (${emptyRelation(frameColumns(name, some))}) TO ${quoteLiteral(file)} (FORMAT parquet)`)
  scope.partialFiles.set(key, file)
  return file
}

async function emptyFile(name: string, scope: FrameScope): Promise<void> {
  const bound = await scope.bind(name)
  if (scope.files.has(name)) return
  const file = join(await scope.folder(), `${scope.files.size}.parquet`)
  await scope.db.run(`COPY (${emptyRelation(frameColumns(name, bound.columns))}) TO ${quoteLiteral(file)} (FORMAT parquet)`)
  scope.files.set(name, file)
}

async function describeFrame(
  db: DuckDB,
  frame: LazyDataFrame,
  file: string,
  inputs: readonly BoundDataset[],
): Promise<Record<string, string>> {
  let empty: DataFrame
  try {
    // Over no rows the streaming engine calls no expression; the other one does, and finds wrong types.
    empty = await frame.collect()
    await sinkParquet(frame, file)
  } catch (error) {
    throw new ConfigError(`Polars cannot bind it: ${polarsWords(messageOf(error))}`, { cause: error })
  }
  const pl = await loadPolars()
  const described = await db.describe(`SELECT * FROM read_parquet(${quoteLiteral(file)})`)
  // DuckDB renames a column that is equal to another but for case; Polars knows the names.
  const names = scanParquet(pl, [file]).columns
  const columns = carriedColumns(
    described.map(({ type }, i) => ({ name: names[i] ?? '', type })),
    'polars',
  )
  refuseUntyped(empty, columns, inputs)
  return columns
}

/** A file does not show that its integers were durations, or that a column of nulls has no type: Polars is asked about integers that no input has. */
function refuseUntyped(empty: DataFrame, columns: Columns, inputs: readonly BoundDataset[]): void {
  const doubtful = Object.entries(columns).filter(
    ([name, type]) => /\bint(32|64)\b/.test(type) && !type.includes('bytes') && !inputs.some((input) => input.columns[name] === type),
  )
  if (doubtful.length === 0) return
  const { schema } = empty.select(...doubtful.map(([name]) => name))
  for (const [column, type] of Object.entries(schema)) {
    const text = String(type)
    if (/\bDuration\b/.test(text))
      throw new ConfigError(`column "${column}" is a duration, which cannot be carried; write .dt.totalMicroseconds()`, { column })
    if (/\bNull\b/.test(text))
      throw new ConfigError(`column "${column}" is all null and has no type; write pl.lit(null).cast(pl.Utf8) or another type`, { column })
  }
}

/** Datasets by name that note what is asked for. @throws ConfigError for an unknown name and for taking all of them. */
function recording(
  readable: readonly string[],
  reads: Set<string>,
  open: (name: string) => LazyDataFrame,
): Readonly<Record<string, LazyDataFrame>> {
  return new Proxy<Record<string, LazyDataFrame>>(Object.create(null), {
    get: (_, name) => {
      if (typeof name === 'symbol') return undefined
      if (!readable.includes(name)) throw unknownDataset(name, readable)
      reads.add(name)
      return open(name)
    },
    has: (_, name) => readable.includes(String(name)),
    ownKeys: () => {
      throw new ConfigError(
        'a frame takes its datasets by name, as ({ a, b }) => …, not all of them with …rest: plan must know what it reads',
      )
    },
  })
}

function recordingWindow({ parameters, partitioned }: BindInput, asked: Set<string>): FrameWindow {
  const note = <T>(name: string, allowed: boolean, value: T): T => {
    if (!allowed) throw windowMissing(name, partitioned)
    asked.add(name)
    return value
  }
  return {
    get start() {
      return note('start', partitioned === 'time', SAMPLE_WINDOW.start)
    },
    get end() {
      return note('end', partitioned === 'time', SAMPLE_WINDOW.end)
    },
    get partition() {
      return note('partition', partitioned !== 'none', SAMPLE_WINDOW.partition)
    },
    parameters: new Proxy(parameters, {
      get: (all, name) => {
        if (typeof name === 'symbol') return undefined
        if (!Object.hasOwn(all, name)) throw unknownParameter(name, Object.keys(all))
        asked.add(name)
        return all[name]
      },
      ownKeys: (all) => {
        for (const name of Object.keys(all)) asked.add(name)
        return Reflect.ownKeys(all)
      },
    }),
  }
}
