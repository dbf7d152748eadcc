import type { LazyDataFrame } from 'nodejs-polars'
import type { BoundDataset } from './bound.ts'

type Columns = ReadonlyMap<string, readonly string[]>
type Entry = readonly [dataset: string, columns: readonly string[]]

/** Calls a frame over zero-row files of these columns; of a dataset that is not named, of all. */
export type CallOver = (columns: Columns) => Promise<FrameOver>

/** A frame that was called, with the files that stand for its datasets. */
export interface FrameOver {
  readonly frame: LazyDataFrame
  readonly files: ReadonlyMap<string, string>
}

/** A column that no dataset has. */
export const FOREIGN_COLUMN = 'a column that nobody has'

/**
 * Which columns of its extracted datasets a frame's result can depend on, in their order; of one that is not named, all. More columns than are read may be named, never fewer.
 *
 * Those whose names stand in the plan that the frame builds are taken, and held against it: called over these alone, and over all and one more, the frame must build the same plan, which Polars must resolve and optimize to the same, with as
 * many columns of each file and the same result. Then its result is the same whatever else there is, also where the function looks at names or takes all columns on the way. Where anything differs, or Polars says nothing of it, all columns count: of one dataset where it differs by that one alone, else of all.
 */
export async function columnsReadByFrame(
  over: FrameOver,
  inputs: readonly BoundDataset[],
  call: CallOver,
): Promise<Readonly<Record<string, readonly string[]>>> {
  if (!inputs.some(({ engine }) => engine === 'extract')) return {}
  const meaning = meaningOf(over)
  if (!meaning) return {}
  const strings = stringsIn(JSON.parse(meaning.built))
  const columnsOf = new Map(inputs.flatMap(({ name, engine, columns }) => (engine === 'extract' ? [[name, Object.keys(columns)]] : [])))
  const named = new Map([...columnsOf].map(([name, columns]) => [name, columns.filter((column) => strings.has(column))]))
  const isMeant = async (columns: Columns) => {
    const other = await call(columns)
      .then(meaningOf)
      .catch(() => undefined)
    return other?.built === meaning.built && other.resolved === meaning.resolved
  }
  // A file has at least one column.
  const alone = ([name, columns]: Entry): Entry => [name, columns.length > 0 ? columns : [FOREIGN_COLUMN]]
  const withOneMore = ([name]: Entry): Entry => [name, [...(columnsOf.get(name) ?? []), FOREIGN_COLUMN]]
  const isEnough = async (columns: Columns) =>
    (await isMeant(new Map([...columns].map(alone)))) && (await isMeant(new Map([...columns].map(withOneMore))))
  if (named.size === 0 || (await isEnough(named))) return Object.fromEntries(named)
  if (named.size === 1) return {}
  const found = new Map<string, readonly string[]>()
  for (const [name, columns] of named) if (await isEnough(new Map([...found, [name, columns]]))) found.set(name, columns)
  return Object.fromEntries(found)
}

interface Meaning {
  /** The plan that the frame builds, as JSON. */
  readonly built: string
  /** What Polars makes of it: the optimized plan, and the result's columns. */
  readonly resolved: string
}

/** What a frame over files means, apart from how many columns these have; undefined where Polars does not say. */
function meaningOf({ frame, files }: FrameOver): Meaning | undefined {
  try {
    const built = neutral(frame.serialize('json').toString(), files)
    const plan = neutral(frame.describeOptimizedPlan(), files)
    const scans = plan.match(/SCAN/g)?.length ?? 0
    // `PROJECT 2/5 COLUMNS`; `*/5` is all of them.
    const projected = plan.replaceAll(/\bPROJECT (\*|\d+)\/(\d+) COLUMNS/g, (_, some, every) => `PROJECT ${some === '*' ? every : some}`)
    if (scans === 0 || projected.match(/\bPROJECT \d+$/gm)?.length !== scans) return undefined
    return { built, resolved: JSON.stringify([projected, frame.columns]) }
  } catch {
    return undefined
  }
}

/** The same text with names of datasets for paths of files, as JSON has names inside a text, and without the numbers of caches. */
function neutral(text: string, files: ReadonlyMap<string, string>): string {
  let result = text
  for (const [name, file] of files) result = result.replaceAll(file, () => `<${name.length}:${JSON.stringify(name).slice(1, -1)}>`)
  return result.replaceAll(/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, '<id>')
}

function stringsIn(value: unknown, found = new Set<string>()): Set<string> {
  if (typeof value === 'string') found.add(value)
  else if (typeof value === 'object' && value !== null) for (const each of Object.values(value)) stringsIn(each, found)
  return found
}
