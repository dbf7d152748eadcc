import { randomUUID } from 'node:crypto'
import { readdir, readlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { disk, exists, isErrno, makeFolderDurable } from '../../core/disk.ts'
import { PermanentError } from '../../core/errors.ts'
import { openDuckDB } from '../../engines/duckdb.ts'
import { explained } from './faults.ts'
import { createTokens } from './tokens.ts'

/**
 * Makes an empty warehouse file, whole and durable or not at all, unless there is one. Two processes may do it at once. What a killed one left is removed, also beside a file that is there.
 * @throws PermanentError when the folder cannot be written, and for a link that leads to no file
 */
export async function createFile(file: string): Promise<void> {
  const folder = dirname(file)
  const prefix = `.${basename(file)}.new-`
  while (!(await exists(file))) {
    await refuseLink(file)
    const fresh = join(folder, `${prefix}${randomUUID()}`)
    let linked = false
    try {
      await makeFolderDurable(folder)
      await sweep(folder, prefix)
      const db = await openDuckDB({ file: fresh, memoryBytes: 64 * 2 ** 20, threads: 1, temp: `${fresh}.tmp` })
      try {
        await createTokens(db)
      } finally {
        db.close()
      }
      await disk.syncFile(fresh)
      await disk.link(fresh, file)
      linked = true
      await disk.syncFolder(folder)
    } catch (error) {
      // EEXIST: another process was first. ENOENT: it swept ours. So it may have while DuckDB was at it, whose words are others; its file is there then.
      const swept = !linked && (await exists(file))
      if (!swept && !isErrno(error, 'EEXIST', 'ENOENT')) throw explained(error, file)
    } finally {
      await unlinkIfThere(fresh)
    }
  }
  await sweep(folder, prefix)
}

/** In the place of a link nothing can be linked, and DuckDB's own creation is not whole. */
async function refuseLink(file: string): Promise<void> {
  const target = await readlink(file).catch(() => undefined)
  if (target === undefined || (await exists(file))) return
  throw new PermanentError(`the warehouse ${file} is a link to ${target}, which is not there`, {
    file,
    hint: 'put the file there, or remove the link and name the other path in millrace.config.ts',
  })
}

async function sweep(folder: string, prefix: string): Promise<void> {
  for (const name of await readdir(folder)) if (name.startsWith(prefix)) await unlinkIfThere(join(folder, name))
}

async function unlinkIfThere(path: string): Promise<void> {
  try {
    await disk.unlink(path)
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR')) throw error
  }
}
