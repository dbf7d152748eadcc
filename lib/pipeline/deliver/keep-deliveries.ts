import { NotFound } from '../../core/errors.ts'
import { scratchIn } from '../../export/verify/scratch.ts'
import { type VerifiedDelivery, verifyDelivery } from '../../export/verify/verify-delivery.ts'
import type { Project } from '../project.ts'
import type { PruneReport } from '../report.ts'
import { LOOKING, openSession } from '../run/open-session.ts'
import { pruneDeliveries } from '../tidy/prune-deliveries.ts'
import { pointersNamed, type WhichDeliveries } from './pointer-of.ts'

/** Removes deliveries of a pipeline that are older than the newest `keep` of each pointer. What is current, held, or was rolled back stays. */
export async function pruneDelivered(
  project: Project,
  pipeline: string,
  { keep, dryRun, signal, ...which }: WhichDeliveries & { readonly keep: number; readonly dryRun: boolean; readonly signal: AbortSignal },
): Promise<PruneReport> {
  const { session, close } = await openSession(project, pipeline, LOOKING, { signal })
  const removed: PruneReport['removed'][number][] = []
  let kept = 0
  const remove = async (key: string, bytes: number) => {
    signal.throwIfAborted()
    removed.push({ what: 'export', key, bytes })
    if (!dryRun) await session.exports.delete(key)
  }
  try {
    for (const places of pointersNamed(session, project.clock(pipeline).now(), which))
      kept += (await pruneDeliveries(session, places, { keep, remove, dryRun, signal })).kept
    return { pipeline, kept, removed, dryRun }
  } finally {
    await close()
  }
}

/** Holds what the store has of a pipeline's current deliveries against their manifests, byte by byte. What was never delivered is left out. */
export async function verifyDelivered(
  project: Project,
  pipeline: string,
  which: WhichDeliveries,
  signal: AbortSignal,
): Promise<readonly VerifiedDelivery[]> {
  const { session, workspace, close } = await openSession(project, pipeline, LOOKING, { signal })
  const scratch = scratchIn(workspace.folder)
  const verified: VerifiedDelivery[] = []
  try {
    for (const { pointer } of pointersNamed(session, project.clock(pipeline).now(), which)) {
      signal.throwIfAborted()
      if (!(await session.exports.head(pointer.latest))) continue
      const folder = { name: pointer.folder, open: (name: string) => session.exports.get(`${pointer.folder}/${name}`) }
      verified.push(
        await verifyDelivery(folder, { scratch, signal }).catch((error: unknown) => {
          if (!(error instanceof NotFound)) throw error
          return { folder: pointer.folder, bytes: 0, files: { count: 0, proved: 0 }, faults: [error.message] }
        }),
      )
    }
    return verified
  } finally {
    await scratch[Symbol.asyncDispose]()
    await close()
  }
}
