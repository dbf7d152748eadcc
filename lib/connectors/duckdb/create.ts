import { randomUUID } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { disk, exists, isErrno, makeFolderDurable } from '../../core/disk.ts'
import { openDuckDB } from '../../engines/duckdb.ts'
import { explained } from './faults.ts'
import { createTokens } from './tokens.ts'

/**
 * Makes an empty warehouse file, whole and durable or not at all, unless there is one. Two processes may do it at once. What a killed one left is removed.
 * @throws PermanentError when the folder cannot be written
 */
export async function createFile(file: string): Promise<void> {
  const folder = dirname(file)
  const prefix = `.${basename(file)}.new-`
  while (!(await exists(file))) {
    const fresh = join(folder, `${prefix}${randomUUID()}`)
    try {
      await makeFolderDurable(folder)
      for (const name of await readdir(folder)) if (name.startsWith(prefix)) await unlinkIfThere(join(folder, name))
      const db = await openDuckDB({ file: fresh, memoryBytes: 64 * 2 ** 20, threads: 1, temp: `${fresh}.tmp` })
      try {
        await createTokens(db)
      } finally {
        db.close()
      }
      await disk.syncFile(fresh)
      await disk.link(fresh, file)
      await disk.syncFolder(folder)
    } catch (error) {
      // EEXIST: another process was first. ENOENT: it swept ours, being about to make its own.
      if (!isErrno(error, 'EEXIST', 'ENOENT')) throw explained(error, file)
    } finally {
      await unlinkIfThere(fresh)
    }
  }
}

async function unlinkIfThere(path: string): Promise<void> {
  try {
    await disk.unlink(path)
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR')) throw error
  }
}
