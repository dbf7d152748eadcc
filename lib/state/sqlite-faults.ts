import { accessSync, constants, statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { FREE_SPACE, refusedByDisk } from '../core/disk-refusal.ts'
import { messageOf, PermanentError } from '../core/errors.ts'

/** SQLite's primary result codes; what it adds to them stands in higher bits. */
const [READONLY, IOERR, FULL, CANTOPEN] = [8, 10, 13, 14]

/** Less than what SQLite needs beside its file to open it: 32 KiB of shared memory and a page or two. */
const NO_ROOM_BYTES = 64 * 1024

/**
 * An error of SQLite that the disk is behind, as a PermanentError that says so and what to do; anything else comes back as it is. SQLite has ended the transaction itself by then. That a file cannot be opened, or its shared
 * memory made, has many causes: the disk is asked.
 */
export function refusedBySqlite(error: unknown, file: string): unknown {
  const code = primaryCode(error)
  if (code === FULL || ((code === IOERR || code === CANTOPEN) && hasNoRoom(dirname(file))))
    return new PermanentError(`the disk is full: ${file} (${messageOf(error)})`, { file, hint: FREE_SPACE, cause: error })
  if (code === READONLY || code === CANTOPEN) {
    const refused = refusalOf(dirname(file)) ?? refusalOf(file)
    if (refused) return refusedByDisk(refused, file)
  }
  return refusedByDisk(error, file)
}

function primaryCode(error: unknown): number | undefined {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' ? error.errcode & 0xff : undefined
}

function hasNoRoom(folder: string): boolean {
  try {
    const { bavail, bsize, ffree, files } = statfsSync(folder)
    return bavail * bsize < NO_ROOM_BYTES || (files > 0 && ffree === 0)
  } catch {
    return false
  }
}

/** What the system says to writing there; undefined where it is allowed, or where there is nothing. */
function refusalOf(path: string): Error | undefined {
  try {
    accessSync(path, constants.W_OK)
    return undefined
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code !== 'ENOENT' ? error : undefined
  }
}
