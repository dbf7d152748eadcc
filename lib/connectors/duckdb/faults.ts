import { refusedByDisk } from '../../core/disk-refusal.ts'
import { MillraceError, messageOf, PermanentError } from '../../core/errors.ts'
import { explainedRead } from '../../engines/dataset-faults.ts'

/** Who holds the file, when that is what DuckDB says: ` (pid 12, /usr/bin/node)`, or nothing more known. */
export function holderOf(error: unknown): { readonly text: string } | undefined {
  const message = messageOf(error)
  if (!message.includes('Could not set lock on file')) return undefined
  const holder = /held in (.+?) \(PID (\d+)\)/.exec(message)
  return { text: holder ? ` (pid ${holder[2]}, ${holder[1]})` : '' }
}

const DAMAGED =
  /not a valid DuckDB database|Could not read enough bytes|replaying the WAL|replay WAL|WAL file|version number|Serialization Error|Corrupt|[Cc]hecksum|database has been invalidated|INTERNAL Error/
/** As refusedByDisk knows it, within a message of another kind: a COMMIT that failed. */
const FULL = /No space left on device|File too large|Disk quota exceeded/

/** What an error of DuckDB or of the disk means for the person who runs a pipeline; errors of ours, an abort's reason and what nobody foresaw come back as they are. */
export function explained(error: unknown, file: string): unknown {
  if (error instanceof MillraceError || !(error instanceof Error)) return error
  const message = messageOf(error).split('\n')[0] ?? ''
  const refused = refusedByDisk(error, file)
  if (refused !== error) return refused
  const [full] = FULL.exec(message) ?? []
  if (full !== undefined)
    return new PermanentError(`no space for the warehouse ${file} (${full})`, {
      file,
      cause: error,
      hint: 'make room, then run again: nothing was loaded',
    })
  const read = explainedRead(error)
  if (read !== error) return read
  if (DAMAGED.test(message))
    return new PermanentError(`the warehouse ${file} is damaged or of another version: ${message}`, {
      file,
      cause: error,
      hint: `it can be rebuilt from what has landed: move ${file} and ${file}.wal away, then run again`,
    })
  if (/^(IO|FATAL) Error/.test(message))
    return new PermanentError(`reading or writing the warehouse ${file} failed: ${message}`, { file, cause: error })
  return error
}
