import type { ObjectInfo, Store } from '../../connectors/store.ts'
import type { Held, Latest } from '../manifest.ts'
import { readJson } from '../objects.ts'
import type { PointerLayout } from '../pointer-layout.ts'

/** A record of a delivery that waits, as it was looked at. */
export interface HeldRecord {
  readonly info: ObjectInfo
  readonly held: Held
}

/** What `held.json` says, whether it still holds or not; undefined where there is none. */
export async function readHeld(store: Store, pointer: PointerLayout): Promise<HeldRecord | undefined> {
  const info = await store.head(pointer.held)
  const found = info && (await readJson(store, pointer.held, 'Held'))
  return info && found && { info, held: found.value }
}

/** Whether a delivery still waits: it was held against what is current. Once anything else is, it does not. */
export function isWaiting(held: Held | undefined, latest: Latest | undefined): held is Held {
  return held !== undefined && held.against === latest?.manifest
}
