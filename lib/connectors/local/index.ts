import type { StoreConnection } from '../store.ts'

/** A folder as a store: `local('deliveries')`. A relative path is taken from the working directory at `open()`. */
export function local(_folder: string): StoreConnection {
  throw new Error('not built yet')
}
