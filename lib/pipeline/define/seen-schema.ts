import type { Bound, BoundDataset } from '../../transform/bound.ts'

/** The same DAG, where a frame that can reach schema.ts counts as reading all columns: it may look there for what there is, which neither its plan nor the hash of its code shows. `file`: the pipeline's. */
export async function withSchemaSeen(bound: Bound, file: string): Promise<Bound> {
  const frames = Object.values(bound.datasets).filter(
    ({ engine, columnsRead }) => engine === 'polars' && Object.keys(columnsRead).length > 0,
  )
  if (frames.length === 0) return bound
  const { readPipelineCode } = await import('./code.ts')
  const code = await readPipelineCode(file)
  const seeing = frames.filter(({ name }) => {
    const step = bound.steps[name]
    return step?.engine === 'polars' && code.reachesSchema(step.frame.toString())
  })
  const all = (dataset: BoundDataset): BoundDataset => ({ ...dataset, columnsRead: {} })
  return { ...bound, datasets: { ...bound.datasets, ...Object.fromEntries(seeing.map((dataset) => [dataset.name, all(dataset)])) } }
}
