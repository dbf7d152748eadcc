import { constants, type PathLike } from 'node:fs'
import { access, link, mkdir, open, readFile, rename, rm, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'

/**
 * Every file-system operation that a commit is made of. One object, so that the torture harness can fail the Nth operation, and record which
 * writes a power cut would lose. A method does one operation; orders and combinations are the callers'.
 */
export interface Disk {
  mkdir(path: string): Promise<void>
  /** Writes a whole new small file (manifests, pointers). Not durable before `syncFile`. */
  write(path: string, data: string | Uint8Array): Promise<void>
  /** fsync of a file's content. A failure is never retried as if clean. */
  syncFile(path: string): Promise<void>
  /** fsync of a folder: makes creations, renames and deletions in it durable. */
  syncFolder(path: string): Promise<void>
  /** Atomic; replaces `to`. */
  rename(from: string, to: string): Promise<void>
  /** Atomic create-if-absent: throws EEXIST when `to` is there. */
  link(from: string, to: string): Promise<void>
  unlink(path: string): Promise<void>
  removeTree(path: string): Promise<void>
}

export const disk: Disk = {
  mkdir: async (path) => void (await mkdir(path, { recursive: true })),
  write: async (path, data) => {
    const file = await open(path, 'w')
    try {
      await file.writeFile(data)
    } finally {
      await file.close()
    }
  },
  syncFile: (path) => sync(path),
  syncFolder: (path) => sync(path),
  rename,
  link,
  unlink,
  removeTree: (path) => rm(path, { recursive: true, force: true }),
}

async function sync(path: string): Promise<void> {
  const file = await open(path, 'r')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Makes a folder and its missing parents, each durable in its own parent. */
export async function makeFolderDurable(path: string): Promise<void> {
  if (await exists(path)) return
  const parent = dirname(path)
  if (parent !== path) await makeFolderDurable(parent)
  await disk.mkdir(path)
  await disk.syncFolder(parent)
}

export async function exists(path: PathLike): Promise<boolean> {
  return access(path, constants.F_OK).then(
    () => true,
    () => false,
  )
}

/** A file's text, or undefined when there is none. */
export async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined
    throw error
  }
}

export function isErrno(error: unknown, ...codes: readonly string[]): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code))
}
