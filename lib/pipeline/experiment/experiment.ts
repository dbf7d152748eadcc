import type { Check } from '../../check/rules.ts'
import type { FileFormat } from '../../connectors/requests.ts'
import { ConfigError } from '../../core/errors.ts'
import { type KnownOptions, requireKnown } from '../../core/known-options.ts'
import type { Sql, Step } from '../../transform/steps.ts'

/** What an experiment begins with: a file of the project, or what a pipeline has landed. */
export type ExperimentInput =
  | { readonly from: 'fixture'; readonly path: string; readonly format: FileFormat }
  | { readonly from: 'landed'; readonly pipeline: string; readonly dataset: string; readonly partition: string | undefined }

/** How a cell is printed. */
export interface CellView {
  /** Columns to order by, a leading `-` means descending. Default: all columns, so that the text is the same every time. */
  readonly orderBy?: readonly string[]
  /** How many rows. Default 10. */
  readonly rows?: number
}

/** A notebook as one value: inputs, cells over them and over each other, checks of cells, how cells are printed. */
export interface Experiment<I extends string, C extends string> {
  /** What cells read, by name. */
  readonly inputs: { readonly [K in I]: ExperimentInput }
  /** SQL or plain-function frames. Cells are printed in this order; one may read any other. */
  readonly cells: { readonly [K in C]: Step<NoInfer<I> | Exclude<NoInfer<C>, K>, Record<never, never>> }
  /** Rules of inputs and cells; a failed one makes `exp run` exit 3. */
  readonly checks?: { readonly [K in NoInfer<I | C>]?: readonly (Check<string, string, string, string> | Sql)[] }
  /** How cells are printed, where not by all columns and ten rows. */
  readonly show?: { readonly [K in NoInfer<C>]?: CellView }
}

/** An experiment with its names forgotten. */
export type AnyExperiment = Experiment<string, string>

/** A file of the project by its path from the project's folder: CSV, TSV, JSON, NDJSON, Parquet or Arrow; types are found from the whole file. */
export function fixture(path: string, format: FileFormat = {}): ExperimentInput {
  return { from: 'fixture', path, format }
}

/** What a pipeline has landed under the profile in force: all partitions, or one; of a cursor dataset its current state. */
export function landed(pipeline: string, dataset: string, partition?: string): ExperimentInput {
  return { from: 'landed', pipeline, dataset, partition }
}

const EXPERIMENT: KnownOptions<AnyExperiment> = { inputs: true, cells: true, checks: true, show: true }

/**
 * Declares an experiment; the default export of `experiments/<name>.exp.ts`. Nothing that it makes is kept.
 * @throws ConfigError for an option that there is none of, without cells, and for a name that is an input and a cell
 */
export function experiment<I extends string, C extends string>(definition: Experiment<I, C>): Experiment<I, C> {
  requireKnown('experiment', definition, EXPERIMENT)
  const both = Object.keys(definition.cells).find((name) => Object.hasOwn(definition.inputs, name))
  if (both !== undefined) throw new ConfigError(`"${both}" is an input and a cell of the experiment`)
  if (Object.keys(definition.cells).length === 0) throw new ConfigError('an experiment needs cells')
  return definition
}
