import type { RunContext } from '../../core/context.ts'
import { lookAt } from '../../export/pointer.ts'
import { pointerLayout } from '../../export/pointer-layout.ts'
import { setOf } from '../../export/set.ts'
import type { Staged } from '../../export/stage.ts'
import type { SetReceipt } from '../../export/switch-set.ts'
import { deliveryLock, lock } from '../../state/lock.ts'
import type { BoundPipeline, ExportTarget } from '../define/bind.ts'
import type { Partition } from '../define/partitions.ts'
import type { Session } from './session.ts'

/** Whether an export of a named delivery is staged already: by this run, or by one that ended before the switch. */
export async function isStaged(session: Session, target: ExportTarget, key: string, partition: Partition | undefined): Promise<boolean> {
  if (target.export.delivery === undefined) return false
  if (session.staged.has(target, partition?.name, key)) return true
  const { name } = session.pipeline.definition
  const request = { pipeline: name, dataset: { name: target.dataset }, export: target.export, partition: partition?.name, inputKey: key }
  const { stagedBefore } = await import('../../export/stage.ts')
  const before = await stagedBefore(request, session.exports)
  if (before) session.staged.add(before)
  return before !== undefined
}

/** Paths of the exports that are part of a named delivery. */
export function pathsOf(pipeline: Pick<BoundPipeline, 'targets'>, delivery: string): readonly string[] {
  return pipeline.targets.flatMap((target) =>
    target.stage === 'export' && target.export.delivery === delivery ? [target.export.path] : [],
  )
}

/** Who is told of the switches of a named delivery: whom any of its exports names. */
function receiversOf({ targets }: Pick<BoundPipeline, 'targets'>, delivery: string): readonly string[] {
  const named = targets.flatMap((target) => (target.stage === 'export' && target.export.delivery === delivery ? target.export.notify : []))
  return [...new Set(named)]
}

/** Names of the deliveries of all partitions that hold an export which is no longer part of them: the next switch leaves it out, though nothing is staged. */
export async function outgrownDeliveries({ pipeline, exports }: Pick<Session, 'pipeline' | 'exports'>): Promise<readonly string[]> {
  const names = pipeline.targets.flatMap((target) => (target.stage === 'export' ? [target.export.delivery] : []))
  const outgrown: string[] = []
  for (const name of new Set(names)) {
    if (name === undefined || name.includes('{partition}')) continue
    const { latest } = await lookAt(exports, pointerLayout(name))
    if (latest?.dataset !== null || latest.pipeline !== pipeline.definition.name) continue
    const set = await setOf(exports, latest.manifest)
    const { leftOut } = await import('../../export/switch-set.ts')
    if (set && leftOut(set.members, pathsOf(pipeline, name)).length > 0) outgrown.push(name)
  }
  return outgrown
}

/**
 * Switches one named delivery to what was staged of it. Emits a stage event at start and end.
 * @throws what `switchSet` throws; then nothing was switched
 */
export async function switchDelivery(
  { pipeline, exports, locks, openEngine, choices }: Pick<Session, 'pipeline' | 'exports' | 'locks' | 'openEngine' | 'choices'>,
  {
    delivery,
    partition,
    staged,
  }: { readonly delivery: string; readonly partition: string | undefined; readonly staged: readonly Staged[] },
  ctx: RunContext,
): Promise<SetReceipt> {
  const { name } = pipeline.definition
  const pointer = staged[0]?.layout.pointer ?? pointerLayout(delivery)
  const about = { stage: 'export', dataset: delivery, target: pointer.latest } as const
  const begun = performance.now()
  ctx.emit({ type: 'stage', phase: 'start', ...about })
  try {
    const { path, what } = deliveryLock(locks, name, pointer.folder)
    using _held = await lock(path, { what, signal: ctx.signal, waitMs: LOCK_WAIT_MS })
    const { switchSet } = await import('../../export/switch-set.ts')
    const receipt = await switchSet(
      {
        ...{ pipeline: name, delivery, partition, pointer, paths: pathsOf(pipeline, delivery), staged },
        ...{ force: choices.force, notify: receiversOf(pipeline, delivery) },
      },
      exports,
      ctx,
      openEngine,
    )
    const { outcome, rows, manifest } = receipt
    const files = manifest === undefined ? [] : [manifest]
    ctx.emit({
      type: 'stage',
      phase: 'end',
      ...about,
      rows,
      files,
      ms: performance.now() - begun,
      outcome: outcome === 'unchanged' ? outcome : 'done',
    })
    return receipt
  } catch (error) {
    ctx.emit({ type: 'stage', phase: 'end', ...about, ms: performance.now() - begun, outcome: 'failed' })
    throw error
  }
}

const LOCK_WAIT_MS = 60_000
