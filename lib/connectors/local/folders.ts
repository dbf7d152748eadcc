import { lstatSync, realpathSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { disk, isErrno, makeFolderDurable } from '../../core/disk.ts'
import { PermanentError } from '../../core/errors.ts'
import { folderSync } from './sync-folders.ts'

const MOST_ATTEMPTS = 20

/** The folders of a store: made durably, and never left through a symbolic link inside. */
export interface Folders {
  readonly root: string
  /** Makes a folder and its missing parents, each durable in its parent. @throws PermanentError when a link or a file is in the way */
  ensure(folder: string): Promise<void>
  /** Forgets that a folder is there, since someone removed it. */
  forget(folder: string): void
  /** Makes what was done in a folder durable, together with what others do in it at the same time. */
  sync(folder: string): Promise<void>
  /** Whether a folder is there. @throws PermanentError when a link leads to it */
  has(folder: string): Promise<boolean>
}

export function foldersOf(root: string): Folders {
  // Only what this process has fsynced into its parent itself: whoever else made a folder may have been killed before.
  const durable = new Set<string>()
  const sync = folderSync()
  async function ensure(folder: string): Promise<void> {
    if (durable.has(folder)) return
    if (folder === root) await makeFolderDurable(root)
    else await ensureHere(folder)
    durable.add(folder)
  }
  async function ensureHere(folder: string): Promise<void> {
    const parent = dirname(folder)
    for (let attempt = 1; ; attempt++) {
      await ensure(parent)
      try {
        await makeHere(folder)
        return await sync(parent)
      } catch (error) {
        // The parent was empty, and a `delete` at the same time has removed it.
        if (!isErrno(error, 'ENOENT') || attempt === MOST_ATTEMPTS) throw error
        forget(parent)
      }
    }
  }
  function forget(folder: string): void {
    for (const each of durable) if (each === folder || each.startsWith(`${folder}/`)) durable.delete(each)
  }
  return {
    root,
    ensure,
    forget,
    sync,
    // Asked of the kernel at once, as is whether a file is there: before each look at an object.
    has: async (folder) => {
      try {
        if (!lstatSync(folder, { throwIfNoEntry: false })) return false
        const real = realpathSync.native(folder)
        if (real !== join(realpathSync.native(root), relative(root, folder))) throw linked(folder)
        return true
      } catch (error) {
        if (isErrno(error, 'ENOENT', 'ENOTDIR')) return false
        throw error
      }
    },
  }
}

async function makeHere(folder: string): Promise<void> {
  const stats = lstatSync(folder, { throwIfNoEntry: false })
  if (!stats) return disk.makeFolder(folder)
  if (stats.isDirectory()) return
  if (stats.isSymbolicLink()) throw linked(folder)
  throw new PermanentError(`a file is in the way of the folder ${folder}`, {
    file: folder,
    hint: 'a key cannot be both an object and a folder on a disk',
  })
}

function linked(folder: string): PermanentError {
  return new PermanentError(`a symbolic link inside the store leads to ${folder}`, {
    file: folder,
    hint: 'a store does not follow links out of its folder: remove the link',
  })
}
