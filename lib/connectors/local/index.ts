import { resolve } from 'node:path'
import type { StoreConnection } from '../store.ts'
import { checkStore } from './check.ts'
import { openLocalStore } from './store.ts'

/** A folder as a store, for `landing` and `store`: `local('deliveries')`. A relative path is taken from the project's folder; the folder is made by the first write. */
export function local(folder: string): StoreConnection {
  return {
    kind: 'local',
    settings: { folder },
    location: folder,
    openStore: () => openLocalStore(resolve(folder)),
    check: (ctx) => checkStore(resolve(folder), ctx),
  }
}
