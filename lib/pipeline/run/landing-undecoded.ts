import type { Source } from '../../connectors/source.ts'
import type { RunContext } from '../../core/context.ts'
import { landUndecoded } from '../../land/land-undecoded.ts'
import type { LoadManifest } from '../../state/manifest.ts'
import type { Partition } from '../define/partitions.ts'
import { ALL, type LandedTools, readKey } from './landed.ts'
import { withSourceFrames } from './source-frames.ts'

/** Reads a dataset that is forwarded by way of the landing zone, and lands it as it comes. Gives the current load. Called under its landing lock. */
export function readAndLandUndecoded(
  tools: LandedTools,
  source: Source,
  { dataset, partition }: { readonly dataset: string; readonly partition: Partition | undefined },
  ctx: RunContext,
): Promise<LoadManifest> {
  const { pipeline, schema, store } = tools
  return withSourceFrames(tools, source, { dataset, partition }, ctx, async ({ frames, open }) => {
    const { manifest } = await landUndecoded(
      {
        dataset,
        partition: partition?.name ?? ALL,
        columns: schema[dataset] ?? {},
        readKey: readKey(pipeline, schema, dataset),
        ...(partition?.window && { window: partition.window }),
        open,
      },
      frames,
      store,
      ctx,
    )
    return manifest
  })
}
