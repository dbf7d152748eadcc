import { closeSync, constants, fsync, open as openFd, openSync, type PathLike, writeFile as writeFd, writeFileSync } from 'node:fs'
import { access, copyFile, link, mkdir, open, readFile, readlink, rename, rm, rmdir, stat, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import type { ByteStream } from './byte-stream.ts'
import { earlyFlushes } from './early-flush.ts'
import { PermanentError } from './errors.ts'

/**
 * Every file-system operation that a commit is made of. One object, so that the torture harness can fail the Nth operation, and record which
 * writes a power cut would lose. A method does one operation; orders and combinations are the callers'.
 */
export interface Disk {
  /** Makes a folder and its missing parents; no error when it is there. */
  mkdir(path: string): Promise<void>
  /** Makes one folder; no error when it is there, ENOENT when its parent is not. */
  makeFolder(path: string): Promise<void>
  /** Writes a whole new small file (manifests, pointers). Not durable before `syncFile`. */
  write(path: string, data: string | Uint8Array): Promise<void>
  /**
   * Writes a whole stream into a file, which is made anew or replaced, and hands each chunk to `onChunk` first. Rejects when the stream errors, or is destroyed before its end: what is
   * in the file then is the caller's to remove. Not durable before `syncFile`, which has little left to wait for: a large file goes out to the disk while it is written.
   */
  writeStream(path: string, stream: ByteStream, onChunk: (chunk: Uint8Array) => void, signal?: AbortSignal): Promise<void>
  /** Copies a file inside the kernel, sharing blocks where the file system can. Not durable before `syncFile`. */
  copy(from: string, to: string): Promise<void>
  /** fsync of a file's content. A failure is never retried as if clean. */
  syncFile(path: string): Promise<void>
  /** fsync of a folder: makes creations, renames and deletions in it durable. */
  syncFolder(path: string): Promise<void>
  /** Atomic; replaces `to`. */
  rename(from: string, to: string): Promise<void>
  /** Atomic create-if-absent: throws EEXIST when `to` is there. */
  link(from: string, to: string): Promise<void>
  unlink(path: string): Promise<void>
  /** Removes an empty folder; throws ENOTEMPTY when there is something in it. */
  removeFolder(path: string): Promise<void>
  removeTree(path: string): Promise<void>
}

export const disk: Disk = {
  mkdir: async (path) => {
    try {
      await makeFolders(path)
    } catch (error) {
      await refuseDeadLink(path)
      throw error
    }
  },
  makeFolder: (path) =>
    makeOne(path).catch((error: unknown) => {
      if (!isErrno(error, 'EEXIST')) throw error
    }),
  write: async (path, data) => {
    const file = await openFile(path, 'w')
    try {
      // Into the kernel's memory: a thread of the pool for so little costs more than it.
      if (data.length <= SMALL_BYTES) writeFileSync(file, data)
      else await writeFile(file, data)
    } finally {
      closeSync(file)
    }
  },
  writeStream: async (path, stream, onChunk, signal) => {
    const stop = () => void stream.destroy(signal?.reason instanceof Error ? signal.reason : undefined)
    const file = await open(path, 'w')
    const flushes = earlyFlushes(file)
    signal?.addEventListener('abort', stop, { once: true })
    try {
      signal?.throwIfAborted()
      for await (const chunk of stream) {
        const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
        onChunk(bytes)
        for (let at = 0; at < bytes.length; ) at += (await file.write(bytes, at)).bytesWritten
        flushes.after(bytes.length)
      }
      await flushes.end()
    } finally {
      signal?.removeEventListener('abort', stop)
      await flushes.end().catch(() => undefined)
      await file.close()
    }
  },
  copy: (from, to) => copyFile(from, to, constants.COPYFILE_FICLONE),
  syncFile: (path) => sync(path),
  syncFolder: (path) => sync(path),
  rename,
  link,
  unlink,
  removeFolder: rmdir,
  removeTree: (path) => rm(path, { recursive: true, force: true }),
}

/**
 * Makes a folder and its missing parents; no error when it is there. Not by Node's own recursion, which never ends where the system says ENOENT of a folder whose parent is there, as in /proc.
 * @throws PermanentError there, the system's error otherwise
 */
async function makeFolders(path: string): Promise<void> {
  try {
    await makeOne(path)
  } catch (error) {
    const parent = dirname(path)
    if (isErrno(error, 'EEXIST') && (await stat(path)).isDirectory()) return
    if (!isErrno(error, 'ENOENT') || parent === path) throw error
    await makeFolders(parent)
    await makeFolders(path)
  }
}

/** @throws ENOENT where its parent is not there; PermanentError where that takes no folders */
async function makeOne(path: string): Promise<void> {
  // Its parent may be removed and made again by others meanwhile.
  for (let tries = 1; ; tries++) {
    try {
      return await mkdir(path)
    } catch (error) {
      const parent = dirname(path)
      if (!isErrno(error, 'ENOENT') || !(await exists(parent))) throw error
      if (tries === 3)
        throw new PermanentError(`${path} cannot be made: ${parent} takes no folders (ENOENT)`, {
          file: path,
          hint: 'choose a folder on a disk',
          cause: error,
        })
    }
  }
}

/** What is opened was written or looked at just before, so the kernel knows it: only the fsync itself is worth a thread of the pool. */
async function sync(path: string): Promise<void> {
  const file = openSync(path, 'r')
  try {
    await fsyncFile(file)
  } finally {
    closeSync(file)
  }
}

const [openFile, writeFile, fsyncFile] = [promisify(openFd), promisify(writeFd), promisify(fsync)]
const SMALL_BYTES = 2 ** 16

/**
 * Makes a folder and its missing parents, each durable in its own parent. The entry of the deepest folder that is there already is made durable too: who made it may have been
 * killed before its fsync. (Those above it are durable if this function made them.)
 * @throws PermanentError where one of them is a link to what is not there
 */
export async function makeFolderDurable(path: string): Promise<void> {
  const parent = dirname(path)
  if (parent === path) return
  if (!(await exists(path))) {
    await refuseDeadLink(path)
    await makeFolderDurable(parent)
    await disk.makeFolder(path)
    await disk.syncFolder(parent)
    return
  }
  try {
    await disk.syncFolder(parent)
  } catch (error) {
    // A parent that may be passed but not read is someone else's, and older than this run.
    if (!isErrno(error, 'EACCES', 'EPERM')) throw error
  }
}

/** For a path that is not there. @throws PermanentError when it, or a folder above it, is a link to what is not there, as of a disk that is not mounted: nothing can be made in its place */
export async function refuseDeadLink(path: string): Promise<void> {
  const target = await readlink(path).catch(() => undefined)
  if (target !== undefined && !(await exists(path)))
    throw new PermanentError(`${path} is a link to ${target}, which is not there`, {
      file: path,
      hint: 'mount the disk that it leads to, or remove the link',
    })
  const parent = dirname(path)
  if (parent !== path && !(await exists(parent))) await refuseDeadLink(parent)
}

export async function exists(path: PathLike): Promise<boolean> {
  return access(path, constants.F_OK).then(
    () => true,
    () => false,
  )
}

/** Writes a text file durably, whole or not at all; what was there stays until then. The folder must be there. A write that fails may leave `<path>.unfinished`. */
export async function writeWhole(path: string, text: string): Promise<void> {
  const unfinished = `${path}.unfinished`
  await disk.write(unfinished, text)
  await disk.syncFile(unfinished)
  await disk.rename(unfinished, path)
  await disk.syncFolder(dirname(path))
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
