import { dirname } from 'node:path'
import { type ErrorPlace, MillraceError, PermanentError } from './errors.ts'

/** What to do about a full disk. */
export const FREE_SPACE = 'free some space, then run again: what was committed stays'

const REFUSALS: readonly (readonly [codes: readonly string[], words: RegExp, what: string, hint: string])[] = [
  [['ENOSPC', 'EDQUOT'], /No space left on device|Disk quota exceeded/i, 'the disk is full', FREE_SPACE],
  [
    ['EFBIG'],
    /File too large/i,
    'the file is too large for this disk or a size limit',
    'raise the limit (ulimit -f) or choose another disk',
  ],
  [
    ['EACCES', 'EPERM'],
    /Permission denied|Operation not permitted/i,
    'permission denied',
    'give the user that runs millrace the right to read and write there',
  ],
  [['EROFS'], /Read-only file system/i, 'the disk is read-only', 'choose a folder on a disk that can be written'],
  [['ENOTDIR', 'EISDIR', 'EEXIST'], /Not a directory|Is a directory/i, 'a file and a folder have the same name', 'remove one of the two'],
  [['ENAMETOOLONG'], /File name too long/i, 'the name is too long for this disk', 'choose a shorter name'],
  [['EMFILE', 'ENFILE'], /Too many open files/i, 'too many files are open', 'raise the limit (ulimit -n)'],
  [['EIO'], /Input\/output error/i, 'the disk failed', 'look at the disk before you run again'],
]

/** True for what DuckDB calls out of memory, and is a disk without room for its spill: by default it takes 90 % of what is free when it first spills. */
export function isSpillRefused(message: string): boolean {
  return message.includes("'max_temp_directory_size'")
}

function spilled(message: string): string {
  const used = /\(([\d.]+ \w+)\/[\d.]+ \w+ used\)/.exec(message)?.[1]
  return used === undefined ? '' : `, ${used} of it spilled so far`
}

/**
 * An error of the file system, or DuckDB's text of one, as a PermanentError that says what refused, where and what to do; anything else, and what is ours already, comes back as it is.
 * `path` is what was worked on; of an engine's files elsewhere, the engine's own word counts.
 */
export function refusedByDisk(error: unknown, path: string, place: ErrorPlace = {}): unknown {
  if (error instanceof MillraceError || !(error instanceof Error)) return error
  if (isSpillRefused(error.message))
    return new PermanentError(
      `the disk of the run's workspace is full: no room for what does not fit into memory${spilled(error.message)}`,
      {
        ...place,
        hint: FREE_SPACE,
        cause: error,
      },
    )
  const code = 'code' in error ? String(error.code) : ''
  const engine = error.message.startsWith('IO Error')
  for (const [codes, words, what, hint] of REFUSALS) {
    const said = codes.includes(code) ? code : engine ? words.exec(error.message)?.[0] : undefined
    if (said === undefined) continue
    const named = engine ? /file "([^"]+)"/.exec(error.message)?.[1] : undefined
    // What an engine writes beside `path` (a log, a new file before its rename) is its own affair.
    const file = named === undefined || dirname(named) === dirname(path) ? path : named
    return new PermanentError(`${what}: ${file} (${said})`, { ...place, file, hint, cause: error })
  }
  return error
}
