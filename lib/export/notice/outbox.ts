import type { ObjectInfo, Store } from '../../connectors/store.ts'
import type { RunContext } from '../../core/context.ts'
import { type ErrorPlace, NotFound, PreconditionFailed } from '../../core/errors.ts'
import { keyPart } from '../../core/key-part.ts'
import { NOTICES } from '../layout.ts'
import type { Announced, Latest } from '../manifest.ts'
import { putJson, readJson, recordOf, unchangedSince, won } from '../objects.ts'
import type { PointerLayout } from '../pointer-layout.ts'

/** A pointer of which somebody is to be told, as its marker says. */
export interface Marked {
  readonly info: ObjectInfo
  readonly announced: Announced
}

/** Who works on the store, and where an error of his belongs. */
interface Announcer {
  readonly store: Store
  readonly ctx: Pick<RunContext, 'run' | 'clock'>
  readonly place: ErrorPlace
}

function markerKey(pipeline: string, folder: string): string {
  return `${NOTICES}${keyPart(pipeline)}/${keyPart(folder)}.json`
}

/**
 * Says, before a pointer is switched, that its receivers are to be told: whatever happens after the switch, the next run finds it. A receiver of whom no marker says that he waits has been told of everything, or is new: he
 * begins with this switch.
 * @throws OutrunError where another run announces one at the same time
 */
export async function announce(
  { store, ctx, place }: Announcer,
  pointer: PointerLayout,
  { pipeline, path, dataset, partition }: Pick<Latest, 'pipeline' | 'path' | 'dataset' | 'partition'>,
  before: number,
  receivers: readonly string[],
): Promise<void> {
  if (receivers.length === 0) return
  const key = markerKey(pipeline, pointer.folder)
  const marked = await markerAt(store, key)
  for (const receiver of receivers)
    if (!marked?.announced.receivers.includes(receiver) || ((await toldUpTo(store, pointer, receiver)) ?? before) > before)
      await won(place, () => tell({ store, ctx }, pointer, receiver, before))
  const run = { id: ctx.run, at: ctx.clock.now().toISOString() }
  const about = { pipeline, folder: pointer.folder, path, named: dataset === null, partition }
  const record = await recordOf('Announced', { format: 1, ...about, switch: before + 1, receivers: [...receivers], run })
  await won(place, () => putJson(store, key, record, unchangedSince(marked?.info)))
}

/** Records that a receiver has been told of all switches up to this one. @throws PreconditionFailed where another run does so at the same time */
export async function tell(
  { store, ctx }: Pick<Announcer, 'store' | 'ctx'>,
  pointer: PointerLayout,
  receiver: string,
  upTo: number,
): Promise<void> {
  const key = pointer.notified(receiver)
  const info = await store.head(key)
  if (info && (await readJson(store, key, 'Notified'))?.value.switch === upTo) return
  const record = await recordOf('Notified', { format: 1, receiver, switch: upTo, at: ctx.clock.now().toISOString() })
  await putJson(store, key, record, unchangedSince(info))
}

/** Up to which switch a receiver has been told; undefined: he begins with the next one that is announced to him. */
export async function toldUpTo(store: Store, pointer: PointerLayout, receiver: string): Promise<number | undefined> {
  return (await readJson(store, pointer.notified(receiver), 'Notified'))?.value.switch
}

/** The pointers of a pipeline of which somebody is to be told; of these folders alone where they are given. */
export async function markedPointers(store: Store, pipeline: string, folders?: readonly string[]): Promise<readonly Marked[]> {
  const marked: Marked[] = []
  const look = async (key: string) => {
    const found = await markerAt(store, key)
    if (found) marked.push(found)
  }
  if (folders) for (const folder of folders) await look(markerKey(pipeline, folder))
  else for await (const key of store.list(`${NOTICES}${keyPart(pipeline)}/`)) await look(key)
  return marked
}

/** Takes a marker away, unless a later switch has been announced since it was read. */
export async function settleMarker(store: Store, { info }: Marked): Promise<void> {
  try {
    await store.delete(info.key, { ifVersion: info.version })
  } catch (error) {
    if (!(error instanceof PreconditionFailed || error instanceof NotFound)) throw error
  }
}

/** Version first, then content: what changes in between fails the precondition. */
async function markerAt(store: Store, key: string): Promise<Marked | undefined> {
  const info = await store.head(key)
  const record = info && (await readJson(store, key, 'Announced'))
  return record && { info, announced: record.value }
}
