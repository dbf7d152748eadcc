import { join } from 'node:path'
import type { ProjectConfig } from '../config/load.ts'
import type { Store } from '../connectors/store.ts'
import { fileCache } from '../land/file-cache.ts'
import { keepFilesOf } from '../land/local-files.ts'

/** Where a profile keeps files of a landing zone that is not on this machine's disk. */
export const cacheFolder = (state: string): string => join(state, 'cache')

/** Opens a profile's landing zone. One that is not on this machine's disk keeps files here, at most `cache` bytes of them. */
export function openLanding({ landing, state, cacheBytes }: ProjectConfig, signal?: AbortSignal): Store {
  const store = landing.openStore()
  if (store.localPath('_') === undefined)
    keepFilesOf(store, fileCache({ folder: cacheFolder(state), limitBytes: cacheBytes, ...(signal && { signal }) }))
  return store
}
