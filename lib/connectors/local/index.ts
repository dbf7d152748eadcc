import { resolve } from 'node:path'
import { late, lateStore } from '../late.ts'
import type { StoreConnection } from '../store.ts'
import { pathOfKey } from './key.ts'

/** A folder as a store, for `landing` and `store`: `local('deliveries')`. A relative path is taken from the project's folder; the folder is made by the first write. */
export function local(folder: string): StoreConnection {
  return {
    kind: 'local',
    settings: { folder },
    location: folder,
    openStore: () => {
      const root = resolve(folder)
      const store = late(async () => (await import('./store.ts')).openLocalStore(root))
      return {
        ...lateStore({ kind: 'local', localPath: (key) => pathOfKey(root, key) }, store),
        sweep: async (prefix) => (await store.get()).sweep(prefix),
      }
    },
    check: async (ctx) => (await import('./check.ts')).checkStore(resolve(folder), ctx),
  }
}
