import { type BoundDataset, datasetOfName } from '../../transform/bound.ts'
import type { BoundPipeline } from './bind.ts'

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
