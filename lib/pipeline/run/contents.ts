import type { Dataset } from '../../core/dataset.ts'
import { currentLoad } from '../../land/loads.ts'
import type { LoadManifest } from '../../state/manifest.ts'
import type { Partition } from '../define/partitions.ts'
import { contentOfLoad, contentOfState, type SeenContent } from '../define/read-columns.ts'
import { pin } from './compute.ts'
import { ALL, partitionsSeen } from './landed.ts'
import type { Session } from './session.ts'

/** What a unit's transforms see of the extracted datasets. */
export interface Contents {
  readonly seen: ReadonlyMap<string, readonly SeenContent[]>
  readonly loads: ReadonlyMap<string, LoadManifest>
}

/** The contents of what a unit's transforms see, by extracted dataset. */
export async function contentsOf(session: Session, names: readonly string[], partition: Partition | undefined): Promise<Contents> {
  const seen = new Map<string, readonly SeenContent[]>(
    [...session.shared].map(([name, shared]) => [name, [sharedContent(session, name, shared)]]),
  )
  const current = new Map<string, LoadManifest>()
  for (const name of names) {
    if (!partition) {
      const load = await currentLoad(session.store, session.pipeline.definition.name, name, ALL)
      if (load) current.set(name, load)
      continue
    }
    const loads = await Promise.all(
      partitionsSeen(session.pipeline, name, partition).map((p) =>
        currentLoad(session.store, session.pipeline.definition.name, name, p.name),
      ),
    )
    seen.set(
      name,
      loads.map((each) => (each ? contentOfLoad(each) : { hash: '' })),
    )
    for (const each of loads) if (each) pin(session, each)
    const own = loads.at(-1)
    if (own) current.set(name, own)
  }
  return { seen, loads: current }
}

/** Of a dataset that is read whole its load; a current state is made of many. */
function sharedContent({ whole }: Session, name: string, shared: Dataset): SeenContent {
  const load = whole.get(name)
  return load?.contentHash === shared.hash ? contentOfLoad(load) : contentOfState(shared)
}
