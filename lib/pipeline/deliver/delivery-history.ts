import type { Store } from '../../connectors/store.ts'
import { PermanentError } from '../../core/errors.ts'
import { isWaiting, readHeld } from '../../export/gate/held.ts'
import { filesOf } from '../../export/go-to.ts'
import type { DeliveryManifest, Latest, SetManifest } from '../../export/manifest.ts'
import { switches } from '../../export/named.ts'
import { readJson } from '../../export/objects.ts'
import type { PointerLayout } from '../../export/pointer-layout.ts'
import type { DeliveryHistory, DeliverySwitch } from '../delivery-report.ts'
import type { Project } from '../project.ts'
import { LOOKING, openSession } from '../run/open-session.ts'
import { pointersNamed, type WhichDeliveries } from './pointer-of.ts'

/** What each pointer of a pipeline has said, newest first, and what waits there; only where anything was delivered. */
export async function deliveryHistory(
  project: Project,
  pipeline: string,
  which: WhichDeliveries,
  signal: AbortSignal,
): Promise<readonly DeliveryHistory[]> {
  const { session, close } = await openSession(project, pipeline, LOOKING, { signal })
  const { exports: store } = session
  try {
    const histories: DeliveryHistory[] = []
    for (const { name, partition, pointer } of pointersNamed(session, project.clock(pipeline).now(), which)) {
      signal.throwIfAborted()
      const history = await switches(store, pointer)
      if (history.length > 0) histories.push({ name, partition: partition ?? null, ...(await told(store, pointer, history)) })
    }
    return histories
  } finally {
    await close()
  }
}

async function told(store: Store, pointer: PointerLayout, history: readonly Latest[]): Promise<Pick<DeliveryHistory, 'switches' | 'held'>> {
  const held = (await readHeld(store, pointer))?.held
  const waits = isWaiting(held, history[0]) ? held : undefined
  return {
    switches: await Promise.all(history.map((each, i) => switchOf(store, each, i === 0))),
    ...(waits && {
      held: {
        ...{ at: waits.run.at, run: waits.run.id, manifest: waits.manifest, beyond: waits.beyond, samples: waits.samples },
        ...(await sizeOf(store, waits.manifest, history[0]?.dataset === null)),
      },
    }),
  }
}

async function switchOf(store: Store, latest: Latest, current: boolean): Promise<DeliverySwitch> {
  const { switch: n, manifest, run, rolledBack, accepted, dataset } = latest
  return {
    ...{ switch: n, at: run.at, run: run.id, current, manifest },
    ...(await sizeOf(store, manifest, dataset === null)),
    ...(rolledBack && { rolledBack: { from: rolledBack.manifest, reason: rolledBack.reason } }),
    ...(accepted && { accepted }),
  }
}

/** Rows and files; nulls where the manifest is gone or damaged. `whole`: all files are there. */
async function sizeOf(store: Store, key: string, isSet: boolean): Promise<Pick<DeliverySwitch, 'rows' | 'files' | 'whole'>> {
  let what: DeliveryManifest | SetManifest | undefined
  try {
    what = (await readJson(store, key, isSet ? 'SetManifest' : 'DeliveryManifest'))?.value
  } catch (error) {
    if (!(error instanceof PermanentError)) throw error
  }
  if (!what) return { rows: null, files: null, whole: false }
  const files = filesOf(what)
  const heads = await Promise.all(files.map((file) => store.head(file.key)))
  return { rows: what.rows, files: files.length, whole: heads.every((head) => head !== undefined) }
}
