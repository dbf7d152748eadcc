import { refusedByDisk } from '../core/disk-refusal.ts'
import { MillraceError, PermanentError } from '../core/errors.ts'

/** DuckDB's own error as one that says what it could not do (`write the rows`), and what helps; others come back as they are. */
export function engineError(error: unknown, what: string): unknown {
  if (!(error instanceof Error) || error instanceof MillraceError || 'code' in error || !/^[A-Z]\w*( \w+)* Error: /.test(error.message))
    return error
  const refused = refusedByDisk(error, 'the workspace')
  if (refused !== error) return refused
  const [line] = error.message.split('\n')
  const hint = error.message.startsWith('Out of Memory')
    ? 'raise --memory or limits.memory'
    : error.message.startsWith('IO Error')
      ? "look at the workspace's disk, then run again"
      : undefined
  return new PermanentError(`DuckDB could not ${what}: ${line}`, { cause: error, ...(hint !== undefined && { hint }) })
}
