import type { Store } from '../../connectors/store.ts'
import type { Export } from '../contract/export.ts'
import { deliveryLayout } from '../layout.ts'
import type { Latest } from '../manifest.ts'
import { MANIFEST, readJson } from '../objects.ts'
import { lookAt } from '../pointer.ts'
import type { PointerLayout } from '../pointer-layout.ts'
import type { Part } from './notice.ts'
import { toldUpTo } from './outbox.ts'

/** Of which switches a receiver has not been told: those after `told`, up to that of `latest`. */
export interface Untold {
  readonly told: number
  readonly latest: Latest | undefined
}

/** Of what a receiver has not been told. One of whom nothing is recorded begins with what is announced next. */
export async function untold(store: Store, pointer: PointerLayout, receiver: string): Promise<Untold> {
  const { latest } = await lookAt(store, pointer)
  return { told: (await toldUpTo(store, pointer, receiver)) ?? latest?.switch ?? 0, latest }
}

/** What the pointer said the nth time; undefined where a hand has taken that away. */
export async function switchNumbered(store: Store, pointer: PointerLayout, n: number, latest: Latest): Promise<Latest | undefined> {
  return n === latest.switch ? latest : (await readJson(store, pointer.switched(n), 'Latest'))?.value
}

/** Whether the plain copies are those of what the pointer says now. A run that died after the switch has left them as they were; the next one makes them. */
export async function arePlainCopiesMade(store: Store, exports: readonly Export[], parts: readonly Part[]): Promise<boolean> {
  for (const { path, partition, files, manifest } of parts) {
    const target = exports.find((each) => each.path === path)
    if (!target?.plain) continue
    const copy = await store.head(deliveryLayout(target, partition ?? undefined).plain)
    if (files.length === 0 ? copy !== undefined : copy?.metadata[MANIFEST] !== manifest) return false
  }
  return true
}
