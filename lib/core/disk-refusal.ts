import { type ErrorPlace, MillraceError, messageOf, PermanentError } from './errors.ts'

const REFUSALS: readonly (readonly [codes: readonly string[], words: RegExp, what: string, hint: string])[] = [
  [
    ['ENOSPC', 'EDQUOT'],
    /No space left on device|Disk quota exceeded/i,
    'the disk is full',
    'free some space, then run again: what was committed stays',
  ],
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
    'give the user that runs millrace the right to write there',
  ],
  [['EROFS'], /Read-only file system/i, 'the disk is read-only', 'choose a folder on a disk that can be written'],
  [['ENOTDIR', 'EISDIR', 'EEXIST'], /Not a directory|Is a directory/i, 'a file and a folder have the same name', 'remove one of the two'],
  [['ENAMETOOLONG'], /File name too long/i, 'the name is too long for this disk', 'choose a shorter name'],
  [['EMFILE', 'ENFILE'], /Too many open files/i, 'too many files are open', 'raise the limit (ulimit -n)'],
  [['EIO'], /Input\/output error/i, 'the disk failed', 'look at the disk before you run again'],
]

/**
 * An error of the file system, or DuckDB's text of one, as a PermanentError that says what refused, where and what to do; anything else, and what is ours already, comes back as it is.
 */
export function refusedByDisk(error: unknown, path: string, place: ErrorPlace = {}): unknown {
  if (error instanceof MillraceError || !(error instanceof Error)) return error
  const code = 'code' in error ? String(error.code) : ''
  const engine = error.message.startsWith('IO Error')
  const found = REFUSALS.find(([codes, words]) => codes.includes(code) || (engine && words.test(error.message)))
  if (!found) return error
  const [, , what, hint] = found
  return new PermanentError(`${what}: ${path}${code ? ` (${code})` : `: ${messageOf(error)}`}`, {
    ...place,
    file: path,
    hint,
    cause: error,
  })
}
