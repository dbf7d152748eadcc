import type { RunContext } from '../../core/context.ts'
import { CheckError, ConfigError } from '../../core/errors.ts'
import { verifyFiles } from '../../land/local-files.ts'
import { framesOfLoad } from '../../land/undecoded-frames.ts'
import { receive } from '../../load/receive.ts'
import type { LoadManifest, UndecodedRows } from '../../state/manifest.ts'
import type { LoadTarget, Target } from '../define/bind.ts'
import { inputKey } from '../define/input-key.ts'
import type { Partition } from '../define/partitions.ts'
import { isCommitted, unchanged } from './commit.ts'
import { pin } from './compute.ts'
import { type LandedTools, landedLoad } from './landed.ts'
import type { Session } from './session.ts'

/** The target, if its rows come undecoded from the landing zone. */
export function loadedUndecoded({ definition }: LandedTools['pipeline'], target: Target): LoadTarget | undefined {
  return target.stage === 'load' && definition.extract[target.dataset]?.forward === 'land' ? target : undefined
}

type UndecodedLoad = LoadManifest & { readonly undecoded: UndecodedRows }

/** The current load of a dataset that lands undecoded. @throws ConfigError where there is none, or where it landed as Parquet */
export async function undecodedLoad(tools: LandedTools, dataset: string, partition: Partition | undefined): Promise<UndecodedLoad> {
  const load = await landedLoad(tools, dataset, partition)
  const { undecoded } = load
  if (undecoded) return { ...load, undecoded }
  const { name } = tools.pipeline.definition
  throw new ConfigError(`"${dataset}" has landed as Parquet, before it was forwarded`, {
    ...{ stage: 'land', pipeline: name, dataset, ...(partition && { partition: partition.name }) },
    hint: `land it again: millrace run ${name}${partition ? ` --partition ${partition.name}` : ''}`,
  })
}

/**
 * Loads what has landed undecoded into the targets whose input key is not the committed one: the source is not asked. Gives whether anything was committed.
 * @throws what landing zone and warehouse throw, placed; CheckError naming a landed file that is not what was landed
 */
export async function loadUndecoded(
  session: Session,
  targets: readonly LoadTarget[],
  partition: Partition | undefined,
  ctx: RunContext,
): Promise<boolean> {
  const { pipeline, steps, choices, tokens, store } = session
  let made = false
  for (const target of targets) {
    const load = await undecodedLoad(session, target.dataset, partition)
    pin(session, load)
    const key = inputKey(pipeline, target, { steps, partition, contents: () => [{ hash: load.contentHash }] })
    if (!choices.force && (await isCommitted(session, target, key, partition))) {
      unchanged(target, ctx)
      continue
    }
    const { table } = target.load
    const { token } = await receive(
      {
        ...{ pipeline: pipeline.definition.name, dataset: target.dataset, target: target.load, partition: partition?.name },
        ...{ expected: tokens.get(table, partition?.name ?? ''), inputKey: key, force: choices.force },
        // As of every landed load: its id, which is another one each time.
        ...{ load: String(load.id), lasting: false },
      },
      framesOfLoad(store, load),
      session.warehouse(),
      ctx,
    ).catch(async (error: unknown) => {
      // Of damaged bytes the warehouse sees the beginning before we see the end: then they are at fault, not the rows.
      if (error instanceof CheckError) await verifyFiles(store, [load])
      throw error
    })
    if (token) tokens.set(token)
    made ||= token !== undefined
  }
  return made
}
