import type { RunContext } from '../../core/context.ts'
import { placed } from '../../core/errors.ts'
import { hashOf } from '../../core/hash.ts'
import { receive } from '../../load/receive.ts'
import type { LoadTarget, Target } from '../define/bind.ts'
import type { Partition } from '../define/partitions.ts'
import { unchanged } from './commit.ts'
import type { LandedTools } from './landed.ts'
import { readKey } from './landed.ts'
import type { Session, TokenBook } from './session.ts'
import { type SourceFrames, withSourceFrames } from './source-frames.ts'

/** The target, if its rows come straight from the source, without landing. */
export function forwarded({ definition }: LandedTools['pipeline'], target: Target): LoadTarget | undefined {
  return target.stage === 'load' && definition.extract[target.dataset]?.forward === true ? target : undefined
}

/**
 * The first part of a forwarded target's input key: what was asked, and where it went. The whole key is `<asked>-<SHA-256 of the frames>`, with `-open` behind it when the window had not ended: nobody knows the content before it
 * has come.
 */
function askedKey(
  { pipeline, schema }: Pick<LandedTools, 'pipeline' | 'schema'>,
  target: LoadTarget,
  partition: Partition | undefined,
): string {
  const { window, name } = partition ?? {}
  return hashOf({
    forward: readKey(pipeline, schema, target.dataset),
    partition: partition ? { name, start: window?.start.toISOString(), end: window?.end.toISOString(), zone: pipeline.zone } : null,
    target: { table: target.load.table, disposition: target.load.disposition },
  })
}

/** Whether a partition of a forwarded target is committed: asked as it would be today, after its window had ended. */
export function isForwardDone(
  tools: Pick<LandedTools, 'pipeline' | 'schema'> & { readonly tokens: TokenBook },
  target: LoadTarget,
  partition: Partition,
): boolean {
  const [asked, , open] = tools.tokens.get(target.load.table, partition.name)?.inputKey.split('-') ?? []
  return asked === askedKey(tools, target, partition) && open === undefined
}

/**
 * Forwards the targets that are not done: a partition once its window has ended, a whole dataset in each run, since only its frames say whether it is the same. Gives whether anything was committed.
 * @throws what source and warehouse throw, placed
 */
export async function forwardTargets(
  session: Session,
  targets: readonly LoadTarget[],
  partition: Partition | undefined,
  ctx: RunContext,
): Promise<boolean> {
  const { choices } = session
  let made = false
  for (const target of targets) {
    const again = choices.refresh || choices.force || partition === undefined
    if (!again && isForwardDone(session, target, partition)) unchanged(target, ctx)
    else if (await forward(session, target, partition, ctx)) made = true
  }
  return made
}

async function forward(session: Session, target: LoadTarget, partition: Partition | undefined, ctx: RunContext): Promise<boolean> {
  const { pipeline, sources, tokens, choices } = session
  const { dataset, load } = target
  const { definition } = pipeline
  const connection = definition.extract[dataset]?.connection
  if (connection === undefined) throw new RangeError(`${dataset} is not extracted`)
  const asked = askedKey(session, target, partition)
  const passOn = async ({ frames, open }: SourceFrames): Promise<boolean> => {
    const { token } = await receive(
      {
        pipeline: definition.name,
        dataset,
        target: load,
        partition: partition?.name,
        expected: tokens.get(load.table, partition?.name ?? ''),
        load: asked.slice(0, 12),
        lasting: true,
        inputKey: (content) => `${asked}-${content}${open ? '-open' : ''}`,
        force: choices.force,
      },
      frames,
      session.warehouse(),
      ctx,
    )
    if (token) tokens.set(token)
    return token !== undefined
  }
  try {
    return await sources.use(connection, (source) => withSourceFrames(session, source, { dataset, partition }, ctx, passOn), {
      undecoded: true,
    })
  } catch (error) {
    throw placed(error, { stage: 'extract', pipeline: definition.name, dataset, ...(partition && { partition: partition.name }) })
  }
}
