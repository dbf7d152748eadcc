import { deliveryLayout } from '../../export/layout.ts'
import type { Staged } from '../../export/stage.ts'
import type { BoundPipeline } from '../define/bind.ts'
import type { StagedData } from './messages.ts'

/** What is staged, for another process that has the pipeline. */
export function stagedData({ dataset, partition, inputKey, before, made, export: { path } }: Staged): StagedData {
  return { dataset, path, partition, inputKey, before, made }
}

/** What another process has staged. */
export function stagedFromData(
  { path, ...data }: StagedData,
  { definition, targets }: Pick<BoundPipeline, 'definition' | 'targets'>,
): Staged {
  const target = targets.find((each) => each.stage === 'export' && each.export.path === path && each.dataset === data.dataset)
  if (target?.stage !== 'export') throw new RangeError(`no export "${path}" of "${data.dataset}"`)
  return { ...data, pipeline: definition.name, export: target.export, layout: deliveryLayout(target.export, data.partition) }
}
