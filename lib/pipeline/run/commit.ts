import type { RunContext } from '../../core/context.ts'
import { load } from '../../load/load.ts'
import { type Target, targetName } from '../define/bind.ts'
import type { Partition } from '../define/partitions.ts'
import { committedInputs } from '../state/committed-inputs.ts'
import { isStaged } from './deliveries.ts'
import type { Made } from './made.ts'
import type { Session } from './session.ts'

/** Commits what was made for a target; where nothing is to be committed, it is set aside. */
export async function commit(
  session: Session,
  target: Target,
  made: Made,
  partition: Partition | undefined,
  ctx: RunContext,
): Promise<void> {
  if (session.aside) return session.aside.keep(target, made, partition, ctx)
  const pipeline = session.pipeline.definition.name
  const { dataset, key } = made
  if (target.stage === 'export') {
    const request = {
      ...{ pipeline, dataset, export: target.export, partition: partition?.name, inputKey: key, force: session.choices.force },
      ...(made.isCurrent && { isCurrent: made.isCurrent }),
    }
    if (target.export.delivery === undefined) {
      const { deliver } = await import('../../export/deliver.ts')
      await deliver(request, session.exports, ctx, session.openEngine)
    } else {
      const { stage } = await import('../../export/stage.ts')
      session.staged.add(await stage(request, session.exports, ctx, session.openEngine))
    }
    return
  }
  const { table } = target.load
  const { loads, load: mark, tombstones, order } = made
  const expected = session.tokens.get(table, partition?.name ?? '')
  await load(
    {
      pipeline,
      dataset,
      target: target.load,
      partition: partition?.name,
      inputKey: key,
      loads,
      load: mark,
      expected,
      ...(tombstones && { tombstones }),
      ...(order !== undefined && { order }),
    },
    session.warehouse(),
    ctx,
  )
  session.tokens.set({ pipeline, table, partition: partition?.name ?? '', inputKey: key, loads })
}

/** Whether a target is committed under a key, or staged for a named delivery. `isSame`: which keys are as good as that one. */
export async function isCommitted(
  session: Session,
  target: Target,
  key: string,
  partition: Partition | undefined,
  isSame = (committed: string) => committed === key,
): Promise<boolean> {
  if ((await committedInputs(session, target, partition?.name)).some(isSame)) return true
  return target.stage === 'export' && !session.aside && isStaged(session, target, key, partition)
}

export function unchanged(target: Target, ctx: RunContext): void {
  ctx.emit({
    type: 'stage',
    phase: 'end',
    stage: target.stage,
    dataset: target.dataset,
    target: targetName(target),
    ms: 0,
    outcome: 'unchanged',
  })
}
