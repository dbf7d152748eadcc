import { randomUUID } from 'node:crypto'
import { lstatSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { disk, exists, isErrno } from '../../core/disk.ts'
import { refusedByDisk } from '../../core/disk-refusal.ts'
import { type Lock, tryLock } from '../../state/lock.ts'
import type { Folders } from './folders.ts'
import { META, OWN, TEMPORARY } from './key.ts'

/** Names of temporary files, and which of them nobody will ever finish. */
export interface Temporaries {
  /** A temporary file in a store's folder, on the disk where the object will be: empty, or with these bytes. Its being there keeps the folder from being removed. */
  create(folder: string, bytes?: Uint8Array): Promise<string>
  /** Removes temporary files under a folder whose owner is gone; gives how many. */
  sweep(folder: string): Promise<number>
  close(): Promise<void>
}

/**
 * A temporary file names its owner: one open store. The owner holds a lock as long as it lives, so that the files of one that was killed are known for certain, whatever
 * process ids and clocks say.
 */
export function temporariesOf(folders: Folders): Temporaries {
  const owner = randomUUID()
  const owners = join(folders.root, META, 'owners')
  let life: Promise<Lock | undefined> | undefined
  let count = 0

  async function beginLife(): Promise<Lock | undefined> {
    await folders.ensure(owners)
    return tryLock(join(owners, `${owner}.lock`))
  }

  async function isAlive(other: string): Promise<boolean> {
    if (other === owner) return true
    const path = join(owners, `${other}.lock`)
    if (!(await exists(path))) return false
    const taken = tryLock(path)
    taken?.release()
    return taken === undefined
  }

  async function sweep(folder: string): Promise<number> {
    let removed = 0
    for (const entry of await entriesOf(folder)) {
      if (entry.isDirectory() && !entry.name.startsWith(OWN)) removed += await sweep(join(folder, entry.name))
      const [, of] = entry.isFile() ? (TEMPORARY_NAME.exec(entry.name) ?? []) : []
      if (of === undefined || (await isAlive(of))) continue
      try {
        await disk.unlink(join(folder, entry.name))
      } catch (error) {
        // Somebody else swept it.
        if (isErrno(error, 'ENOENT')) continue
        throw refusedByDisk(error, join(folder, entry.name))
      }
      removed++
    }
    return removed
  }

  return {
    create: async (folder, bytes = new Uint8Array()) => {
      life ??= beginLife()
      await life
      const path = join(folder, `${TEMPORARY}${owner}-${++count}`)
      for (let attempt = 1; ; attempt++) {
        await folders.ensure(folder)
        try {
          await disk.write(path, bytes)
          return path
        } catch (error) {
          if (!isErrno(error, 'ENOENT')) await disk.unlink(path).catch(() => undefined)
          if (!isErrno(error, 'ENOENT') || attempt === 20) throw error
          folders.forget(folder)
        }
      }
    },
    sweep,
    close: async () => {
      const held = await life?.catch(() => undefined)
      life = undefined
      if (!held) return
      await disk.unlink(held.path).catch(() => undefined)
      held.release()
    },
  }
}

const TEMPORARY_NAME = new RegExp(`^${TEMPORARY.replaceAll('.', '\\.')}([0-9a-f-]{36})-\\d+$`)

async function entriesOf(folder: string) {
  try {
    if (!lstatSync(folder, { throwIfNoEntry: false })) return []
    return await readdir(folder, { withFileTypes: true })
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return []
    throw error
  }
}
