import { canonicalJson, hashOf } from '../../core/hash.ts'
import type { Export } from '../../export/contract/export.ts'
import { datasetOfName } from '../../transform/bound.ts'
import type { BoundPipeline, Target } from './bind.ts'
import { closureOf } from './closure.ts'
import type { Partition } from './partitions.ts'
import { readColumns, type SeenContent } from './read-columns.ts'
import type { StepHashes } from './step-code.ts'

/** What a target was made from. */
export interface KeyInputs {
  readonly steps: StepHashes
  /** Contents of the loads behind each extracted dataset that the target is computed from; a look-back has several. */
  readonly contents: (dataset: string) => readonly SeenContent[]
  readonly partition: Partition | undefined
}

/** What a step may ask of its partition. */
const WINDOW: readonly string[] = ['start', 'end', 'partition']

/**
 * The input key of a target: hash of code, content of the inputs as far as it is read, and parameters. Never load ids (a re-read that found the same is the same), never output bytes. For a target that
 * applies loads one by one the loads are the token's, so its key is that of code and parameters alone.
 *
 * A partition's key is `<hash of all>-<its own loads><code>-<what partitions share>`: three parts by which it is seen, without the key's inputs, what a commit was made from. The last is missing where nothing is shared. Where
 * only some columns are read, the second has between its two `<its own loads, whole>`, by which a commit of code that read other columns is told from one of earlier loads; no key is another one for it (`isKeyOf`).
 */
export function inputKey(pipeline: BoundPipeline, target: Target, inputs: KeyInputs): string {
  return keyWithShared(pipeline, target, inputs, namesRead(pipeline, target))
}

/**
 * Whether a committed key is that of these inputs: as it is made today, as it was before columns that nothing reads were left out of it, or before those that no frame reads were.
 */
export function isKeyOf(key: string, pipeline: BoundPipeline, target: Target, inputs: KeyInputs): boolean {
  const seen = partsOf(key)?.seen ?? ''
  return (
    key === keyWithShared(pipeline, target, inputs, namesRead(pipeline, target), seen) ||
    key === keyWithShared(pipeline, target, inputs, namesRead(pipeline, target, 'bySql'), '') ||
    key === keyOver(pipeline, target, inputs, nameWhole, '')
  )
}

function keyWithShared(pipeline: BoundPipeline, target: Target, inputs: KeyInputs, nameOf: NameContent, seen?: string): string {
  const whole = keyOver(pipeline, target, inputs, nameOf, seen)
  const shared = target.partitioned ? digitsOf(contentsNamed(pipeline, target, inputs.contents, nameOf)) : undefined
  return shared === undefined ? whole : `${whole}-${shared}`
}

/** What names a content in a target's key. */
type NameContent = (dataset: string, content: SeenContent) => string

const nameWhole: NameContent = (_, { hash }) => hash

/** By the columns that the target can depend on, where those and their hashes are known. `bySql`: as when what a frame reads was all, and so was a current state. */
function namesRead(pipeline: BoundPipeline, { dataset }: Pick<Target, 'dataset'>, only: 'bySql' | undefined = undefined): NameContent {
  const columns = readColumns(pipeline, dataset, only)
  return (name, content) => {
    const read = only === 'bySql' && content.isState ? undefined : columns.get(name)
    return (read && content.ofColumns?.(read)) ?? content.hash
  }
}

/** `seen`: what is said of the partition's own loads as wholes; absent: what there is to say today. */
function keyOver(
  pipeline: BoundPipeline,
  target: Target,
  { steps, contents, partition }: KeyInputs,
  nameOf: NameContent,
  seen?: string,
): string {
  const hash = hashOf({
    ...codeOf(pipeline, target, steps),
    inputs: Object.fromEntries(
      inputsOf(pipeline, target).map((input) => {
        const name = datasetOfName(input)
        return [input, contents(name).map((content) => nameOf(name, content))]
      }),
    ),
    partition: target.partitioned
      ? {
          name: partition?.name,
          start: partition?.window?.start.toISOString(),
          end: partition?.window?.end.toISOString(),
          zone: pipeline.zone,
        }
      : null,
  })
  if (!target.partitioned) return hash
  const own = { partition, contentOf: (name: string) => contents(name).at(-1) }
  const read = ownContents(pipeline, target, own, nameOf)
  const whole = ownContents(pipeline, target, own, nameWhole)
  const end = read + (seen ?? (read === whole ? '' : seenDigits(whole))) + codeDigits(pipeline, target, steps)
  // Delivered objects are named by the first digits, which therefore are of the whole key.
  return `${hashOf([hash, end])}-${end}`
}

/** The inputs whose content enters a target's key. */
function inputsOf({ bound }: BoundPipeline, { dataset, appliesLoadsOf }: Target): readonly string[] {
  return (bound.datasets[dataset]?.inputs ?? []).filter(
    (input) => appliesLoadsOf.length === 0 || !appliesLoadsOf.includes(datasetOfName(input)),
  )
}

/** Those of them that are not read by partition. */
export function sharedInputs(pipeline: BoundPipeline, target: Target): readonly string[] {
  const { datasets } = pipeline.bound
  return [...new Set(inputsOf(pipeline, target).map(datasetOfName))].filter((name) => !datasets[name]?.partitioned)
}

/** What names the content of each shared input in a target's key. */
export function sharedContents(
  pipeline: BoundPipeline,
  target: Target,
  contents: KeyInputs['contents'],
): Readonly<Record<string, readonly string[]>> {
  return contentsNamed(pipeline, target, contents, namesRead(pipeline, target))
}

function contentsNamed(
  pipeline: BoundPipeline,
  target: Target,
  contents: KeyInputs['contents'],
  nameOf: NameContent,
): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(sharedInputs(pipeline, target).map((name) => [name, contents(name).map((content) => nameOf(name, content))]))
}

/** The third part of a partition's key; undefined where its target reads nothing that is shared. */
export function sharedDigits(pipeline: BoundPipeline, target: Target, contents: KeyInputs['contents']): string | undefined {
  return digitsOf(sharedContents(pipeline, target, contents))
}

function digitsOf(shared: Readonly<Record<string, readonly string[]>>): string | undefined {
  return Object.keys(shared).length === 0 ? undefined : hashOf(shared).slice(0, 16)
}

/** All that a target is made by and is not data: its steps, the parameters that they ask for, its table or contract. */
export function codeOf(pipeline: BoundPipeline, target: Target, steps: StepHashes) {
  const closure = closureOf(pipeline, target.dataset)
  const asked = new Set(closure.flatMap(({ parameters }) => parameters))
  // A frame's parameters are those that it has asked for on zero rows; one that looks at the partition may ask for others in another.
  const any = closure.some(({ engine, parameters: own }) => engine === 'polars' && own.some((name) => WINDOW.includes(name)))
  const parameters = Object.entries(pipeline.definition.parameters ?? {}).filter(([name]) => any || asked.has(name))
  return {
    steps: closure
      .flatMap(({ name }) => (steps[name] === undefined ? [] : [{ name, hash: steps[name].hash }]))
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

const [OWN_DIGITS, SEEN_DIGITS, CODE_DIGITS] = [24, 8, 16]

/** Of a partition's own loads as wholes. */
const seenDigits = (whole: string) => whole.slice(8, 8 + SEEN_DIGITS)

/** What a partition's key says of its own loads, of these as wholes ('': no more than that), and of the code; undefined for a key that does not say, or of what was forwarded without landing. */
function partsOf(key: string): { readonly own: string; readonly seen: string; readonly code: string } | undefined {
  const end = key.split('-')[1] ?? ''
  const seen = end.length - OWN_DIGITS - CODE_DIGITS
  if (seen !== 0 && seen !== SEEN_DIGITS) return undefined
  return { own: end.slice(0, OWN_DIGITS), seen: end.slice(OWN_DIGITS, OWN_DIGITS + seen), code: end.slice(-CODE_DIGITS) }
}

/** The last digits of a partition's input key: the code alone. */
export function codeDigits(pipeline: BoundPipeline, target: Target, steps: StepHashes): string {
  return hashOf(codeOf(pipeline, target, steps)).slice(0, CODE_DIGITS)
}

/** What a partition's committed key tells without its inputs: the digits of its code, and of what it shares with others; undefined where it does not say. */
export function keyParts(key: string): { readonly code: string | undefined; readonly shared: string | undefined } {
  return { code: partsOf(key)?.code, shared: key.split('-')[2] }
}

/** Whether a partition's commit under these keys was made by other code than today's. Keys that do not say count as today's. */
export function madeByOtherCode(keys: readonly string[], pipeline: BoundPipeline, target: Target, steps: StepHashes): boolean {
  const code = codeDigits(pipeline, target, steps)
  const codes = keys.map((key) => partsOf(key)?.code)
  return codes.length > 0 && codes.every((was) => was !== undefined && was !== code)
}

/** The code of all that is made for each partition, as one hash. */
export function partitionCode(pipeline: BoundPipeline, steps: StepHashes): string {
  return hashOf(pipeline.targets.filter(({ partitioned }) => partitioned).map((target) => codeDigits(pipeline, target, steps)))
}

/** A partition's own loads. */
export interface OwnLoads {
  readonly partition: Partition | undefined
  readonly contentOf: (dataset: string) => SeenContent | undefined
}

/**
 * What a partition's input key has before the code's digits: which datasets its target reads by partition, and the content of the partition's own loads of them, with its window and zone where steps see them. Each can be told
 * apart from the code, so that a commit made from an earlier load, or of another window of the same name, is seen as unfinished, one made by other code as stale.
 */
function ownContents(pipeline: BoundPipeline, { dataset }: Target, { partition, contentOf }: OwnLoads, nameOf: NameContent): string {
  const { datasets } = pipeline.bound
  const own = (datasets[dataset]?.inputs ?? []).map(datasetOfName).filter((name) => datasets[name]?.partitioned)
  const contents = own.map((name) => {
    const content = contentOf(name)
    return content ? nameOf(name, content) : ''
  })
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

/** Whether a partition's committed key is of the datasets that the target reads by partition. */
export function readsAs(key: string, pipeline: BoundPipeline, target: Target): boolean {
  const own = ownContents(pipeline, target, { partition: undefined, contentOf: () => undefined }, nameWhole)
  const windowed = ownContents(pipeline, target, { partition: NO_WINDOW, contentOf: () => undefined }, nameWhole)
  return [own, windowed].some((each) => key.split('-')[1]?.slice(0, 8) === each.slice(0, 8))
}

const NO_WINDOW: Partition = { name: '', window: { start: new Date(0), end: new Date(0) } }

/** Whether a committed key is of these loads of the partition, whatever the code and the columns that it reads. Keys that do not say, and those that read other datasets, count as such. */
export function madeFrom(key: string, pipeline: BoundPipeline, target: Target, own: OwnLoads): boolean {
  const end = key.split('-')[1] ?? ''
  const was = partsOf(key)
  // What was forwarded without landing is of no load at all, and its key longer.
  if (!was) return end.length < OWN_DIGITS + CODE_DIGITS
  const whole = ownContents(pipeline, target, own, nameWhole)
  if (was.seen === seenDigits(whole) || was.own.slice(0, 8) !== whole.slice(0, 8)) return true
  return [namesRead(pipeline, target), namesRead(pipeline, target, 'bySql'), nameWhole].some(
    (nameOf) => was.own === ownContents(pipeline, target, own, nameOf),
  )
}
