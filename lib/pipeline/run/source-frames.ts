import type { Frames } from '../../connectors/frames.ts'
import type { Read, Source } from '../../connectors/source.ts'
import type { RunContext } from '../../core/context.ts'
import { MillraceError } from '../../core/errors.ts'
import type { Partition } from '../define/partitions.ts'
import type { LandedTools } from './landed.ts'

/** A forwarded dataset as its source gives it. */
export interface SourceFrames {
  readonly frames: Frames
  /** The window had not ended at the moment that the rows are of. */
  readonly open: boolean
}

/**
 * Asks a source for a dataset's frames and gives them to `work`, which has them sent. Tells of it as the extract stage: `done` when all has been sent for the first time, `stopped` when what took them failed.
 * @throws what the source and `work` throw
 */
export async function withSourceFrames<T>(
  tools: Pick<LandedTools, 'pipeline' | 'schema'>,
  source: Source,
  { dataset, partition }: { readonly dataset: string; readonly partition: Partition | undefined },
  ctx: RunContext,
  work: (given: SourceFrames) => Promise<T>,
): Promise<T> {
  const begun = performance.now()
  let told = false
  const ended = (outcome: 'done' | 'failed' | 'stopped', more: { rows?: number; bytes?: number } = {}) => {
    if (!told) ctx.emit({ type: 'stage', phase: 'end', stage: 'extract', dataset, ...more, ms: performance.now() - begun, outcome })
    told = true
  }
  ctx.emit({ type: 'stage', phase: 'start', stage: 'extract', dataset })
  try {
    const frames = await source.frames?.(readOf(tools, dataset, partition), ctx)
    if (!frames) throw new RangeError(`a ${source.kind} source gives no frames`)
    const send: Frames['send'] = async (take, signal) => {
      const sent = await frames.send(take, signal)
      ended('done', { rows: sent.rows, bytes: sent.bytes })
      return sent
    }
    return await work({ frames: { ...frames, send }, open: partition?.window !== undefined && partition.window.end > frames.asOf })
  } catch (error) {
    ended(isOfTaker(error) ? 'stopped' : 'failed')
    throw error
  }
}

function readOf({ pipeline, schema }: Pick<LandedTools, 'pipeline' | 'schema'>, dataset: string, partition: Partition | undefined): Read {
  const { definition, zone } = pipeline
  const extract = definition.extract[dataset]
  if (!extract) throw new RangeError(`${dataset} is not extracted`)
  const { kind, request } = extract
  return {
    dataset,
    request,
    columns: schema[dataset] ?? {},
    ...(partition && { partition: partition.name }),
    ...(partition?.window && { window: { ...partition.window, ...(kind.by === 'window' && { column: kind.column }) } }),
    ...(definition.partition?.by === 'time' && { zone }),
  }
}

/** Errors of the source are placed at extract, or nowhere. */
function isOfTaker(error: unknown): boolean {
  return error instanceof MillraceError && error.place.stage !== undefined && error.place.stage !== 'extract'
}
