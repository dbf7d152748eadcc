import type { BoundPipeline } from '../define/bind.ts'

/** Datasets with checks in a kind of unit, partitions or the shared one, except those computed from changes: they are checked load by load. */
export function checkedDatasets({ bound, checks }: Pick<BoundPipeline, 'bound' | 'checks'>, partitioned: boolean): string[] {
  return Object.keys(checks).filter((name) => {
    const dataset = bound.datasets[name]
    return dataset?.partitioned === partitioned && !dataset.fromChanges
  })
}

/** Whether a pipeline's partitions are checked and nothing is made of them: no commit point says that a check has passed, so they are checked in every run. */
export function checksPartitionsAlone(pipeline: BoundPipeline): boolean {
  return checkedDatasets(pipeline, true).length > 0 && !pipeline.targets.some(({ partitioned }) => partitioned)
}
