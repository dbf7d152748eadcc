import { canonicalJson, hashOf } from '../../core/hash.ts'
import { quoteLiteral } from '../../core/quote.ts'
import type { DuckDB } from '../../engines/duckdb.ts'
import type { Export } from '../../export/contract/export.ts'
import { type BoundDataset, datasetOfName, type LoadedStep } from '../../transform/bound.ts'
import type { Udf } from '../../transform/steps.ts'
import type { BoundPipeline, Target } from './bind.ts'
import { type PipelineCode, readPipelineCode } from './code.ts'
import type { Partition } from './partitions.ts'

/** The hashes of a pipeline's steps: of what they say, not of how it is written. */
export type StepHashes = Readonly<Record<string, string>>

/** Hashes each step: SQL as DuckDB's parsed tree says it, a frame by its tokens and those of the local code that it reaches. */
export async function stepHashes(pipeline: BoundPipeline, db: DuckDB): Promise<StepHashes> {
  const needsCode = Object.values(pipeline.bound.steps).some((step) => step.engine === 'polars' || step.udf)
  const code = needsCode ? await readPipelineCode(pipeline.loaded.file) : undefined
  return Object.fromEntries(
    await Promise.all(Object.entries(pipeline.bound.steps).map(async ([name, step]) => [name, await stepHash(step, code, db)])),
  )
}

async function stepHash(step: LoadedStep, code: PipelineCode | undefined, db: DuckDB): Promise<string> {
  if (step.engine === 'polars') return hashOf({ frame: code?.hashOfFunction(step.frame.toString()), window: step.window })
  const [row] = await db.meta(`SELECT json_deserialize_sql(json_serialize_sql(${quoteLiteral(step.text)})) AS text`)
  const udfs = Object.entries(step.udf ?? {}).map(([name, { parameters, returns, apply }]: [string, Udf]) => ({
    name,
    parameters,
    returns,
    apply: code?.hashOfFunction(apply.toString()),
  }))
  return hashOf({ sql: row?.text ?? step.text, values: step.values.map(String), window: step.window, udfs })
}

/** What a target was made from. */
export interface KeyInputs {
  readonly steps: StepHashes
  /** Content hashes of the loads behind each extracted dataset that the target is computed from; a look-back has several. */
  readonly contents: (dataset: string) => readonly string[]
  readonly partition: Partition | undefined
}

/** What a step may ask of its partition. */
const WINDOW: readonly string[] = ['start', 'end', 'partition']

/**
 * The input key of a target: hash of code, content of the inputs, and parameters. Never load ids (a re-read that found the same is the same), never output bytes. For a target that applies
 * loads one by one the loads are the token's, so its key is that of code and parameters alone.
 */
export function inputKey(pipeline: BoundPipeline, target: Target, { steps, contents, partition }: KeyInputs): string {
  const { bound, zone } = pipeline
  const code = codeOf(pipeline, target, steps)
  const inputs = (bound.datasets[target.dataset]?.inputs ?? []).filter(
    (input) => target.appliesLoadsOf.length === 0 || !target.appliesLoadsOf.includes(datasetOfName(input)),
  )
  const hash = hashOf({
    ...code,
    inputs: Object.fromEntries(inputs.map((input) => [input, contents(datasetOfName(input))])),
    partition: target.partitioned
      ? { name: partition?.name, start: partition?.window?.start.toISOString(), end: partition?.window?.end.toISOString(), zone }
      : null,
  })
  if (!target.partitioned) return hash
  const end = ownContents(pipeline, target, { partition, contentOf: (name) => contents(name).at(-1) }) + codeDigits(pipeline, target, steps)
  // Delivered objects are named by the first digits, which therefore are of the whole key.
  return `${hashOf([hash, end])}-${end}`
}

/** All that a target is made by and is not data: its steps, the parameters that they ask for, its table or contract. */
function codeOf(pipeline: BoundPipeline, target: Target, steps: StepHashes) {
  const closure = closureOf(pipeline, target.dataset)
  const asked = new Set(closure.flatMap(({ parameters }) => parameters))
  // A frame's parameters are those that it has asked for on zero rows; one that looks at the partition may ask for others in another.
  const any = closure.some(({ engine, parameters: own }) => engine === 'polars' && own.some((name) => WINDOW.includes(name)))
  const parameters = Object.entries(pipeline.definition.parameters ?? {}).filter(([name]) => any || asked.has(name))
  return {
    steps: closure
      .flatMap(({ name }) => (steps[name] === undefined ? [] : [{ name, hash: steps[name] }]))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
    parameters: Object.fromEntries(
      parameters.map(([name, value]) => [
        name,
        value instanceof Date ? value.toISOString() : typeof value === 'bigint' ? `${value}n` : value,
      ]),
    ),
    target: target.stage === 'load' ? { table: target.load.table, disposition: target.load.disposition } : exportCode(target.export),
  }
}

/** The format stands beside the contract, as it did when there was one. A gate decides about no byte. */
function exportCode({ path, contract: { format, gate: _, ...contract } }: Export<never>) {
  return { format, path, contract: JSON.parse(canonicalJson(contract)) }
}

const OWN_DIGITS = 24

/** The last digits of a partition's input key: the code alone. */
function codeDigits(pipeline: BoundPipeline, target: Target, steps: StepHashes): string {
  return hashOf(codeOf(pipeline, target, steps)).slice(0, 16)
}

/** Whether a partition's commit under these keys was made by other code than today's. Keys that do not say count as today's. */
export function madeByOtherCode(keys: readonly string[], pipeline: BoundPipeline, target: Target, steps: StepHashes): boolean {
  const code = codeDigits(pipeline, target, steps)
  const ends = keys.map((key) => key.split('-')[1] ?? '')
  return ends.length > 0 && ends.every((end) => end.length === OWN_DIGITS + code.length && !end.endsWith(code))
}

/** The code of all that is made for each partition, as one hash. */
export function partitionCode(pipeline: BoundPipeline, steps: StepHashes): string {
  return hashOf(pipeline.targets.filter(({ partitioned }) => partitioned).map((target) => codeDigits(pipeline, target, steps)))
}

/** A partition's own loads. */
export interface OwnLoads {
  readonly partition: Partition | undefined
  readonly contentOf: (dataset: string) => string | undefined
}

/**
 * What a partition's input key has before the code's digits: which datasets its target reads by partition, and the content of the partition's own loads of them, with its window and zone where steps see them. Each can be told
 * apart from the code, so that a commit made from an earlier load, or of another window of the same name, is seen as unfinished, one made by other code as stale.
 */
function ownContents(pipeline: BoundPipeline, { dataset }: Target, { partition, contentOf }: OwnLoads): string {
  const { datasets } = pipeline.bound
  const own = (datasets[dataset]?.inputs ?? []).map(datasetOfName).filter((name) => datasets[name]?.partitioned)
  const contents = own.map((name) => contentOf(name) ?? '')
  const window = seesWindow(pipeline, dataset) ? partition?.window : undefined
  // What a step sees besides the rows: the wall clock of its zone, and the window where it asks for it or is cut by it.
  if (partition?.window && pipeline.zone !== 'UTC') contents.push(pipeline.zone)
  if (window) contents.push(window.start.toISOString(), window.end.toISOString())
  return `${hashOf(window ? [...own, '$window'] : own).slice(0, 8)}${hashOf(contents).slice(0, 16)}`
}

function seesWindow(pipeline: BoundPipeline, dataset: string): boolean {
  return closureOf(pipeline, dataset).some(
    (step) => step.engine !== 'extract' && (step.window !== undefined || step.parameters.some((name) => WINDOW.includes(name))),
  )
}

/** Whether a committed key is of these loads of the partition, whatever the code. Keys that do not say, and those that read other datasets, count as such. */
export function madeFrom(key: string, pipeline: BoundPipeline, target: Target, own: OwnLoads): boolean {
  const end = key.split('-')[1]
  const is = ownContents(pipeline, target, own)
  if (end === undefined) return true
  // What was forwarded without landing is of no load at all, and its key longer.
  if (end.length > OWN_DIGITS + 16) return false
  const was = end.slice(0, OWN_DIGITS)
  return was === is || was.slice(0, 8) !== is.slice(0, 8)
}

/** A dataset and all that it is computed from, itself first. */
export function closureOf({ bound }: Pick<BoundPipeline, 'bound'>, name: string): readonly BoundDataset[] {
  const found = new Map<string, BoundDataset>()
  const visit = (each: string) => {
    const dataset = bound.datasets[datasetOfName(each)]
    if (!dataset || found.has(dataset.name)) return
    found.set(dataset.name, dataset)
    dataset.reads.forEach(visit)
  }
  visit(name)
  return [...found.values()]
}
