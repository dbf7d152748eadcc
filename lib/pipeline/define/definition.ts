import type { Check } from '../../check/rules.ts'
import type { Columns } from '../../core/dataset.ts'
import { ConfigError } from '../../core/errors.ts'
import { type KnownOptions, requireKnown } from '../../core/known-options.ts'
import type { Export } from '../../export/contract/export.ts'
import type { Extract } from '../../extract/source.ts'
import type { Load } from '../../load/targets.ts'
import type { Of, Sql, SqlValue, Step } from '../../transform/steps.ts'
import type { Partitioning } from './partitions.ts'
import type { Schedule } from './schedule.ts'

/** What is known of a pipeline's datasets: the generated `schema.ts`. `<name>.source` holds a source's own columns where `columns:` maps them. */
export type Schema = Readonly<Record<string, Columns>>

type Numeric = `int${8 | 16 | 32 | 64}` | `uint${string}` | `decimal${string}` | `float${string}`
type Time = 'date' | 'timestamp' | 'timestamptz'
type ColumnsOf<C, Family extends string> = { [N in keyof C]: C[N] extends Family ? N : never }[keyof C] & string
type OneOrMany<T> = T | readonly T[]
/** `customer.changes` beside `customer`. */
type Readable<E extends string> = E | `${E}.changes`

/** A pipeline file's one object literal; it reads top to bottom as the road that data takes. */
export interface Pipeline<S, E extends string, T extends string, D extends string = NoInfer<E | T>> {
  /** The folder's name: lower case letters, digits, `-` and `_`. */
  readonly name: string
  /** `./schema.ts`, written by `millrace plan`. */
  readonly schema?: S
  /** How the data is cut. Absent: everything is read and made once for each run. */
  readonly partition?: Partitioning
  /** When it is due: `'0 5 * * *'`, in the partitions' zone. `millrace due` says what is due, `millrace run --due` runs it; nothing runs by itself. */
  readonly schedule?: Schedule
  /** Named values for SQL (`$name`) and frames; they enter the input key. */
  readonly parameters?: Readonly<Record<string, SqlValue>>
  /** Datasets that are read, by name. Where nothing is loaded or exported, what lands is the result: a plain run lands what is new. */
  readonly extract: { readonly [K in E]: K extends T ? 'transform has a dataset of this name' : Extract<keyof Of<S, K> & string> }
  /** Datasets that are computed, by name, in any order: SQL or frames over each other. */
  readonly transform?: { readonly [K in T]: Step<Readable<NoInfer<E>> | Exclude<NoInfer<T>, K>, S, keyof Of<S, K> & string> }
  /** Rules of a dataset. One that fails stops load and export of what the dataset leads to; `warn(…)` is told only. */
  readonly check?: {
    readonly [K in D]?: readonly (
      | (Check<keyof Of<S, K> & string, ColumnsOf<Of<S, K>, Numeric>, ColumnsOf<Of<S, K>, 'text'>, ColumnsOf<Of<S, K>, Time>> & {
          readonly _dataset?: D
        })
      | Sql
    )[]
  }
  /** Tables that a dataset goes to, one or a list. */
  readonly load?: { readonly [K in D]?: OneOrMany<Load<keyof Of<S, K> & string>> }
  /** Files that a dataset goes to, one or a list. */
  readonly export?: { readonly [K in D]?: OneOrMany<Export<Of<S, K>>> }
}

/** A definition with its names forgotten: what the engine works with. */
export interface AnyPipeline {
  readonly name: string
  readonly schema?: Schema
  readonly partition?: Partitioning
  readonly schedule?: Schedule
  readonly parameters?: Readonly<Record<string, SqlValue>>
  readonly extract: Readonly<Record<string, Extract<string>>>
  readonly transform?: Readonly<Record<string, Step<string, Schema>>>
  readonly check?: Readonly<Record<string, readonly (Check<string, string, string, string> | Sql)[]>>
  readonly load?: Readonly<Record<string, OneOrMany<Load<string>>>>
  readonly export?: Readonly<Record<string, OneOrMany<Export<never>>>>
}

const PIPELINE: KnownOptions<AnyPipeline> = {
  name: true,
  schema: true,
  partition: true,
  schedule: true,
  parameters: true,
  extract: true,
  transform: true,
  check: true,
  load: true,
  export: true,
}

/**
 * Defines a pipeline; the default export of `pipelines/<name>/pipeline.ts`. Gives back what it was given: all else happens at plan and run.
 * @throws ConfigError for a name that is none, and an option that there is none of
 */
export function pipeline<const S extends Schema = Record<never, never>, E extends string = never, T extends string = never>(
  definition: Pipeline<S, E, T>,
): Pipeline<S, E, T> {
  requireKnown('pipeline', definition, PIPELINE)
  if (!/^[a-z][a-z0-9_-]*$/.test(definition.name))
    throw new ConfigError(`pipeline name ${JSON.stringify(definition.name)} must be lower case letters, digits, - and _`)
  return definition
}
