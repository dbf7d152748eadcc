import { lstatSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { disk, isErrno } from '../../core/disk.ts'
import { refusedByDisk } from '../../core/disk-refusal.ts'
import { folderOfPrefix, OWN } from './key.ts'

/** Keys under a root that begin with `prefix`, ascending by their UTF-8 bytes, as bucket stores list them. Each folder is made durable before its names are given, see `settle`. */
export async function* keysUnder(root: string, prefix: string): AsyncIterable<string> {
  const { folder, within, start } = folderOfPrefix(root, prefix)
  yield* walk(folder, within, start)
}

async function* walk(folder: string, within: string, start: string): AsyncIterable<string> {
  for (const { name, isFolder } of await sortedEntries(folder, start)) {
    if (isFolder) yield* walk(join(folder, name), `${within}${name}/`, '')
    else yield `${within}${name}`
  }
}

/** A folder sorts by the keys in it, which go on with a slash: `a-b` comes before `a/b`. */
async function sortedEntries(folder: string, start: string): Promise<{ name: string; isFolder: boolean }[]> {
  try {
    if (!lstatSync(folder, { throwIfNoEntry: false })) return []
    const entries = (await readdir(folder, { withFileTypes: true })).filter(
      (entry) => (entry.isFile() || entry.isDirectory()) && !entry.name.startsWith(OWN) && entry.name.startsWith(start),
    )
    if (entries.length > 0) await settle(folder)
    return entries
      .map((entry) => ({
        name: entry.name,
        isFolder: entry.isDirectory(),
        sort: Buffer.from(entry.isDirectory() ? `${entry.name}/` : entry.name),
      }))
      .sort((a, b) => Buffer.compare(a.sort, b.sort))
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return []
    throw refusedByDisk(error, folder)
  }
}

// Journals commit within seconds (ext4: 5) and dirty pages are written within half a minute; breaks where an administrator has set these beyond ten minutes.
const SETTLED_AFTER_MS = 600_000

/**
 * Makes what is visible in a folder durable. A put that was killed between its rename and the fsync of the folder leaves an object that a reader sees and a power cut may still take back: whoever
 * acts on having seen it must not be wiser than the disk. Folders that nobody has changed for long are left alone: an fsync costs a millisecond.
 */
export async function settle(folder: string): Promise<void> {
  const { mtimeMs } = lstatSync(folder)
  if (Date.now() - mtimeMs < SETTLED_AFTER_MS) await disk.syncFolder(folder)
}
