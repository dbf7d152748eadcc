import { contentOfColumns } from '../../land/column-hashes.ts'
import type { LoadManifest } from '../../state/manifest.ts'
import { datasetOfName } from '../../transform/bound.ts'
import type { BoundPipeline } from './bind.ts'
import { closureOf } from './closure.ts'

/** The content of what a target is computed from. */
export interface SeenContent {
  /** Of all of it. */
  readonly hash: string
  /** Of these columns alone; undefined where it is not known. */
  ofColumns?(names: readonly string[]): string | undefined
}

/** A load as keys see it. */
export function contentOfLoad(load: LoadManifest): SeenContent {
  return { hash: load.contentHash, ofColumns: (names) => contentOfColumns(load, names) }
}

/**
 * The columns that a dataset depends on, of each extracted dataset that it is computed from; of one that is not named, all: something takes its rows whole, a frame reads it, or it is that dataset itself.
 */
export function readColumns(pipeline: Pick<BoundPipeline, 'bound'>, dataset: string): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, Set<string> | undefined>()
  for (const step of closureOf(pipeline, dataset)) {
    if (step.engine === 'extract') {
      if (step.name === datasetOfName(dataset)) found.set(step.name, undefined)
      continue
    }
    for (const read of step.reads) {
      const name = datasetOfName(read)
      const columns = step.columnsRead[read]
      const before = found.has(name) ? found.get(name) : new Set<string>()
      found.set(name, columns && before && new Set([...before, ...columns]))
    }
  }
  return new Map([...found].flatMap(([name, columns]) => (columns ? [[name, [...columns].sort()] as const] : [])))
}

/** The columns of an extracted dataset that anything of a pipeline depends on: steps, targets, checks, requests made for its values. undefined: all of them. */
export function columnsInUse({ bound, targets, checks, definition }: BoundPipeline, dataset: string): ReadonlySet<string> | undefined {
  const taken =
    targets.some((target) => target.dataset === dataset) ||
    Object.entries(checks).some(
      ([checked, rules]) => checked === dataset || rules.some(({ rule }) => rule.rule === 'references' && rule.dataset === dataset),
    ) ||
    Object.values(definition.extract).some(({ request }) => 'each' in request && request.each?.parent === dataset)
  if (taken) return undefined
  const used = new Set<string>()
  for (const step of Object.values(bound.datasets)) {
    for (const read of step.reads) {
      if (datasetOfName(read) !== dataset) continue
      const columns = step.columnsRead[read]
      if (!columns) return undefined
      for (const name of columns) used.add(name)
    }
  }
  return used
}
