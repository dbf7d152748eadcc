import { disk, isErrno } from '../../core/disk.ts'

/**
 * fsync of folders, one at a time of each. Who asks for a folder while an fsync of it is at work shares the next one, which begins after all that its sharers have done: many datasets that land at the same time make one pass. One that fails has failed
 * for those who wait for the next, too: what they did may have been among what it lost.
 */
export function folderSync(): (folder: string) => Promise<void> {
  const atWork = new Map<string, { readonly now: Promise<void>; next?: Promise<void> }>()

  function begin(folder: string): Promise<void> {
    const now = disk.syncFolder(folder).finally(() => {
      if (atWork.get(folder)?.next === undefined) atWork.delete(folder)
    })
    atWork.set(folder, { now })
    return now
  }

  return (folder) => {
    const found = atWork.get(folder)
    if (!found) return begin(folder)
    found.next ??= found.now.then(
      () => begin(folder),
      (error: unknown) => {
        // Removed as empty, and perhaps made anew since.
        if (isErrno(error, 'ENOENT')) return begin(folder)
        atWork.delete(folder)
        throw error
      },
    )
    return found.next
  }
}
