import { refusedByDisk } from '../core/disk-refusal.ts'
import { CheckError, MillraceError, messageOf, PermanentError } from '../core/errors.ts'

/** What an error of DuckDB means where it reads a dataset's own Parquet files to load them: out of memory, a file that cannot be read, a value that cannot be its type. Anything else comes back as it is. */
export function explainedRead(error: unknown): unknown {
  if (error instanceof MillraceError || !(error instanceof Error)) return error
  const refused = refusedByDisk(error, 'the workspace')
  if (refused !== error) return refused
  const message = messageOf(error).split('\n')[0] ?? ''
  if (/^Out of Memory Error/.test(message))
    return new PermanentError(`loading needs more memory than its limit: ${message}`, {
      cause: error,
      hint: 'raise --memory or limits.memory',
    })
  if (/\.parquet|magic bytes|Parquet/.test(message))
    return new PermanentError(`a file of the dataset cannot be read: ${message}`, {
      cause: error,
      hint: 'run again with --force to make it anew',
    })
  if (/^(Conversion|Invalid Input) Error/.test(message))
    return new CheckError(`a value does not fit its column's type: ${message}`, { cause: error })
  return error
}
