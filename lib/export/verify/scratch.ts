import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type DuckDB, openDuckDB } from '../../engines/duckdb.ts'

/** What reading back files of formats that have types needs; nothing is made before it is asked for, and all goes when it is disposed of. */
export interface Scratch extends AsyncDisposable {
  engine(): Promise<DuckDB>
  /** A new folder. */
  folder(): Promise<string>
}

const [MEMORY_BYTES, THREADS] = [2 ** 28, 2]

/** @param parent the folder in which it may make one of its own */
export function scratchIn(parent: string): Scratch {
  let root: Promise<string> | undefined
  let engine: Promise<DuckDB> | undefined
  const rootFolder = () => {
    root ??= mkdir(parent, { recursive: true }).then(() => mkdtemp(join(parent, 'millrace-verify-')))
    return root
  }
  return {
    engine: async () => {
      const temp = join(await rootFolder(), 'spill')
      engine ??= openDuckDB({ memoryBytes: MEMORY_BYTES, threads: THREADS, temp })
      return engine
    },
    folder: async () => mkdtemp(join(await rootFolder(), 'file-')),
    [Symbol.asyncDispose]: async () => {
      const [opened, folder] = await Promise.allSettled([engine, root])
      if (opened.status === 'fulfilled') opened.value?.close()
      if (folder.status === 'fulfilled' && folder.value !== undefined) await rm(folder.value, { recursive: true, force: true })
    },
  }
}
