import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { isErrno } from '../../core/disk.ts'
import { refusedByDisk } from '../../core/disk-refusal.ts'
import { ConfigError } from '../../core/errors.ts'
import { type DuckDB, openDuckDB } from '../../engines/duckdb.ts'

/** What reading back files of formats that have types needs; nothing is made before it is asked for, and all goes when it is disposed of. */
export interface Scratch extends AsyncDisposable {
  engine(): Promise<DuckDB>
  /** A new folder. */
  folder(): Promise<string>
}

const [MEMORY_BYTES, THREADS] = [2 ** 28, 2]

/** @param parent the folder in which it makes one of its own */
export function scratchIn(parent: string): Scratch {
  let root: Promise<string> | undefined
  let engine: Promise<DuckDB> | undefined
  const rootFolder = () => {
    root ??= newFolder(parent)
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

async function newFolder(parent: string): Promise<string> {
  try {
    return await mkdtemp(join(parent, 'millrace-verify-'))
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw refusedByDisk(error, parent)
    throw new ConfigError(`there is no folder ${parent}, in which files are copied to be read`, {
      hint: 'set TMPDIR to a folder that is there',
    })
  }
}
