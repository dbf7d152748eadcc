import { randomUUID } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { elapsedMs } from '../core/clock.ts'
import type { RunContext } from '../core/context.ts'
import { disk } from '../core/disk.ts'
import { refusedByDisk } from '../core/disk-refusal.ts'
import { placed } from '../core/errors.ts'
import type { Asked, Landed } from './request.ts'

/**
 * Does the work of one landing in a folder of its own, which is removed after it, and tells of it as the land stage.
 * @throws what `work` throws, placed; what a disk has refused explained
 */
export async function asLanding(
  { dataset, partition }: Pick<Asked, 'dataset' | 'partition'>,
  ctx: RunContext,
  work: (folder: string) => Promise<Landed>,
): Promise<Landed> {
  const begun = elapsedMs(ctx.clock)
  ctx.emit({ type: 'stage', phase: 'start', stage: 'land', dataset })
  const folder = join(ctx.workspace, 'land', randomUUID())
  try {
    await mkdir(folder, { recursive: true })
    const landed = await work(folder)
    ctx.emit({
      type: 'stage',
      phase: 'end',
      stage: 'land',
      dataset,
      rows: landed.rows,
      bytes: landed.bytes,
      inputRows: landed.read,
      inputKey: landed.manifest.contentHash,
      files: [...landed.manifest.files, ...(landed.compacted?.files ?? [])].map(({ key }) => key),
      counts: { read: landed.read, unchanged: landed.unchanged, superseded: landed.superseded, gone: landed.removed },
      ms: elapsedMs(ctx.clock) - begun,
      outcome: landed.outcome,
    })
    return landed
  } catch (error) {
    ctx.emit({ type: 'stage', phase: 'end', stage: 'land', dataset, ms: elapsedMs(ctx.clock) - begun, outcome: 'failed' })
    throw placed(refusedByDisk(error, folder), {
      stage: 'land',
      pipeline: ctx.pipeline,
      dataset,
      ...(partition !== '_all' && { partition }),
    })
  } finally {
    await disk.removeTree(folder).catch(() => undefined)
  }
}
