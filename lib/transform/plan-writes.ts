import { ConfigError } from '../core/errors.ts'
import { type Bound, type BoundDataset, datasetOfName } from './bound.ts'

/** One Parquet file that a transform writes: a step's result. */
export interface Write {
  readonly name: string
  readonly engine: 'duckdb' | 'polars'
  /** Steps of the same engine that nobody else needs, each after what it reads: CTEs of one statement, or lazy frames. The step itself is not among them. */
  readonly fused: readonly string[]
  /** Files and extracted datasets that the statement or frame reads. */
  readonly reads: readonly string[]
  /** A frame reads it: it keeps the order of its rows. */
  readonly keepsOrder: boolean
  /** It is read on after it was written; with `cut` the uncut form is what is read. */
  readonly readOn: boolean
  /** The time column by which the wanted form is cut to the window. */
  readonly cut?: string
}

/** What a transform does, decided before anything runs. */
export interface TransformPlan {
  readonly writes: readonly Write[]
  /** Extracted datasets (and `.changes`) that SQL, a cut or a frame reads. */
  readonly inputs: readonly string[]
  /** Extracted datasets that are wanted, with the column that cuts them. */
  readonly extracted: readonly { readonly name: string; readonly cut?: string }[]
}

/**
 * Decides what is written: a step that is wanted, that is read by more than one step, or by a step of the other engine. All else becomes part of the one statement or frame that
 * reads it, so that nothing is computed twice. @throws ConfigError for a wanted dataset that is not bound
 */
export function planWrites(bound: Bound, wanted: readonly string[]): TransformPlan {
  for (const name of wanted)
    if (!bound.datasets[name])
      throw new ConfigError(`unknown dataset "${name}"; there are: ${Object.keys(bound.datasets).join(', ')}`, { dataset: name })
  const needed = reach(bound, wanted)
  const steps = bound.order.filter((name) => needed.has(name))
  const readersOf = (name: string) => steps.filter((step) => at(bound, step).reads.includes(name))
  const isWritten = (name: string): boolean => {
    const { engine } = at(bound, name)
    const readers = readersOf(name)
    return wanted.includes(name) || readers.length > 1 || readers.some((reader) => at(bound, reader).engine !== engine)
  }
  const writes = steps.filter(isWritten).map((name): Write => {
    const { engine, window } = at(bound, name)
    const fused = fusedInto(bound, name, isWritten)
    const readers = readersOf(name)
    const members = new Set([...fused, name])
    const reads = [...members].flatMap((member) => at(bound, member).reads).filter((each) => !members.has(each))
    return {
      name,
      engine: engine === 'polars' ? 'polars' : 'duckdb',
      fused,
      reads: [...new Set(reads)],
      keepsOrder: readers.some((reader) => at(bound, reader).engine === 'polars'),
      readOn: readers.length > 0,
      ...(window !== undefined && wanted.includes(name) && { cut: window }),
    }
  })
  return {
    writes,
    inputs: [...new Set(writes.flatMap((write) => write.reads))].filter((name) => at(bound, name).engine === 'extract'),
    extracted: wanted
      .map((name) => at(bound, name))
      .filter(({ engine }) => engine === 'extract')
      .map(({ name, window }) => ({ name, ...(window !== undefined && { cut: window }) })),
  }
}

function at(bound: Bound, name: string): BoundDataset {
  const found = bound.datasets[name]
  if (!found) throw new Error(`${datasetOfName(name)} is not bound`)
  return found
}

function reach(bound: Bound, wanted: readonly string[]): Set<string> {
  const found = new Set<string>()
  const visit = (name: string): void => {
    if (found.has(name)) return
    found.add(name)
    for (const each of at(bound, name).reads) visit(each)
  }
  for (const name of wanted) visit(name)
  return found
}

/** The unwritten steps behind a written one, each after what it reads. They have its engine: what crosses engines is written. */
function fusedInto(bound: Bound, name: string, isWritten: (name: string) => boolean): string[] {
  const found: string[] = []
  const visit = (each: string): void => {
    for (const read of at(bound, each).reads) {
      if (at(bound, read).engine === 'extract' || isWritten(read) || found.includes(read)) continue
      visit(read)
      found.push(read)
    }
  }
  visit(name)
  return found
}
