import type { LazyDataFrame } from 'nodejs-polars'
import { ConfigError } from '../core/errors.ts'
import { type KnownOptions, requireKnown } from '../core/known-options.ts'
import type { Lazy, Named } from './names.ts'

/** A value that SQL takes as a bound parameter. */
export type SqlValue = string | number | bigint | boolean | Date | null

/** A function of column chunks, callable by name in the SQL of its step: given whole columns of a chunk, gives one value for each row of it. */
export interface Udf {
  /** Types of the arguments, as in schema.ts: boolean, integers, floats, text. */
  readonly parameters: readonly string[]
  /** The type of the result. */
  readonly returns: string
  /** Gets whole columns of a chunk of at most 2,048 rows, NULL as null, int64 and uint64 as bigint. What it throws stops the step. */
  readonly apply: (...columns: readonly (readonly unknown[])[]) => readonly unknown[]
}

/** What can be said of a step beside what it computes. */
export interface StepOptions<out W extends string = string> {
  /** The time column by which the result is cut to `[start, end)` again, when an input has a `lookback`. */
  readonly window?: W
  /** Write the result to the workspace even if nobody reads it, so that `show` and experiments can. */
  readonly keep?: boolean
}

/** What can be said of a step of SQL, beside what can be said of any. */
export interface SqlOptions<out W extends string = string> extends StepOptions<W> {
  /** JavaScript functions that the SQL may call, by name. */
  readonly udf?: Readonly<Record<string, Udf>>
}

/** One DuckDB SELECT. `$start`, `$end`, `$partition` and the pipeline's parameters are bound by name. */
export interface Sql<out W extends string = string> extends SqlOptions<W> {
  readonly engine: 'duckdb'
  /** The text, for `sql.file` a path relative to the pipeline's folder. */
  readonly text?: string
  readonly file?: string
  /** Values of a template's `${…}`, bound as `$_1`, `$_2`, …. */
  readonly values: readonly SqlValue[]
}

/** What a frame is told beside its datasets. A frame that asks for what its pipeline does not have is a ConfigError of `plan`. */
export interface FrameWindow {
  /** Where the partition begins, as a UTC instant; only with partitions of time. */
  readonly start: Date
  /** Where it ends, exclusive. */
  readonly end: Date
  /** The partition's name. */
  readonly partition: string
  /** The pipeline's parameters. */
  readonly parameters: Readonly<Record<string, SqlValue>>
}

// `any`: a dataset that no schema names lets every column pass.
// biome-ignore lint/suspicious/noExplicitAny: see above
type Unknown = any
/** The columns of a dataset as the schema has them; a cursor dataset's changes have its columns. */
export type Of<S, K> = K extends keyof S ? S[K] : K extends `${infer N}.changes` ? (N extends keyof S ? S[N] : Unknown) : Unknown
export type Datasets<Names extends PropertyKey, S> = { readonly [N in Names]: Lazy<Of<S, N>> }
// biome-ignore lint/suspicious/noExplicitAny: a frame's result may have any columns; plan knows which
export type FrameResult = LazyDataFrame | Named<any>
/** A pure function from lazy frames to a lazy frame, which names the datasets that it reads by destructuring. It is called more than once: on zero rows by `plan`, on data by `run`. */
export type FrameFunction<Names extends PropertyKey, S> = (datasets: Datasets<Names, S>, window: FrameWindow) => FrameResult
/** A frame with options beside it. */
export interface FrameStep<Names extends PropertyKey, S, W extends string = string> extends StepOptions<W> {
  /** The function. */
  readonly frame: FrameFunction<Names, S>
}
/** One computed dataset: SQL, a frame, or a frame with options. `Names`: the datasets that it may read; `W`: the columns of its result. */
export type Step<Names extends PropertyKey, S, W extends string = string> = Sql<W> | FrameFunction<Names, S> | FrameStep<Names, S, W>

const SQL: KnownOptions<SqlOptions> = { window: true, keep: true, udf: true }
/** The options of a frame. */
export const FRAME: KnownOptions<FrameStep<never, unknown>> = { frame: true, window: true, keep: true }

/** What an error says that a value may be. */
export const SQL_VALUES = 'expected a text, number, bigint, boolean, Date or null'

/** Whether a value, which untyped code may have given, is one that SQL takes. */
export function isSqlValue(value: unknown): value is SqlValue {
  return value === null || value instanceof Date || ['string', 'number', 'bigint', 'boolean'].includes(typeof value)
}

/** What a value that SQL does not take is, for an error. */
export function kindOf(value: unknown): string {
  if (value === undefined) return 'undefined'
  return Array.isArray(value) ? 'a list' : typeof value === 'object' ? 'an object' : `a ${typeof value}`
}

type Values = readonly SqlValue[]
// Without a window nothing may be inferred, hence the overloads.
type Uncut = SqlOptions<never> & { readonly window?: never }

/** SQL as a template, `${value}`s bound and never pasted, or `sql.file('revenue.sql')` from a file beside the pipeline. */
export const sql: {
  (text: TemplateStringsArray, ...values: Values): Sql<never>
  /** The text of a file beside the pipeline. */
  file(path: string, options?: Uncut): Sql<never>
  file<const W extends string>(path: string, options: SqlOptions<W>): Sql<W>
  /** The template with options: `sql.with({ window: 'day' })` stands where `sql` would. */
  with(options: Uncut): (text: TemplateStringsArray, ...values: Values) => Sql<never>
  with<const W extends string>(options: SqlOptions<W>): (text: TemplateStringsArray, ...values: Values) => Sql<W>
} = Object.assign((text: TemplateStringsArray, ...values: Values) => template({}, text, values), {
  file: (path: string, options: SqlOptions = {}) => {
    requireKnown('sql.file', options, SQL)
    return made({ engine: 'duckdb', file: path, values: [], ...options })
  },
  with: (options: SqlOptions) => {
    requireKnown('sql.with', options, SQL)
    return (text: TemplateStringsArray, ...values: Values) => template(options, text, values)
  },
})

/** @throws ConfigError for a call with a text, and for a value that SQL cannot take: the engine's error would not name it */
function template(options: SqlOptions, text: TemplateStringsArray, values: Values): Sql<never> {
  if (!Array.isArray(text))
    throw new ConfigError(`sql is a template, and was called with ${typeof text === 'string' ? 'a text' : kindOf(text)}`, {
      hint: "write sql`SELECT …`, or sql.file('query.sql') for a text that stands in a file beside the pipeline",
    })
  const odd = values.findIndex((value) => !isSqlValue(value))
  if (odd >= 0)
    throw new ConfigError(`value ${odd + 1} of a sql template is ${kindOf(values[odd])}; ${SQL_VALUES}`, {
      hint: `it stands after ${JSON.stringify((text[odd] ?? '').trim().slice(-40))}`,
    })
  return made({
    engine: 'duckdb',
    text: text.reduce((all, part, i) => `${all}$_${i}${/^\w/.test(part) ? ' ' : ''}${part}`),
    values,
    ...options,
  })
}

/** The window's column is only a type to the compiler: the overloads above say which. */
function made(step: Sql): Sql<never> {
  return step as Sql<never>
}

/**
 * Makes a UDF: `udf(['text'], 'int32', (texts) => texts.map(…))`. It is slower than SQL (docs/guide.md has the figure): for what SQL cannot say.
 * @throws ConfigError for anything else than types of the arguments, a type of the result and a function
 */
export function udf(parameters: readonly string[], returns: string, apply: Udf['apply']): Udf {
  const made = { parameters, returns, apply }
  if (!isUdf(made)) throw new ConfigError(`udf(…) must be called as udf(['text'], 'int32', (texts) => texts.map(…))`)
  return made
}

/** Whether a value, which untyped code may have made, is a UDF. */
export function isUdf(value: unknown): value is Udf {
  if (typeof value !== 'object' || value === null) return false
  const { parameters, returns, apply }: { readonly [K in keyof Udf]?: unknown } = value
  const typed = Array.isArray(parameters) && parameters.every((each) => typeof each === 'string') && typeof returns === 'string'
  return typed && typeof apply === 'function'
}
