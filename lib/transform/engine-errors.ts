import { FREE_SPACE, isSpillRefused, refusedByDisk } from '../core/disk-refusal.ts'
import { CheckError, ConfigError, type ErrorPlace, MillraceError, messageOf, PermanentError } from '../core/errors.ts'
import { polarsWords } from '../engines/polars.ts'
import { duckdbWords } from './bind-sql.ts'
import { udfOfError } from './udf.ts'

/** What an engine threw on data, as one of ours where it is the data's or the machine's fault; anything else comes back as it is. */
export function transformError(error: unknown, engine: 'duckdb' | 'polars', place: ErrorPlace, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason
  const at = { stage: 'transform', ...place } as const
  if (error instanceof MillraceError) return error.at(at)
  const message = messageOf(error)
  const options = { ...at, cause: error }
  const refused = refusedByDisk(error, 'the workspace', at)
  if (refused !== error) return refused
  // Polars says "File out of specification" of it, which is no cause to tell.
  if (/no space left|os error 28/i.test(message))
    return new PermanentError("the disk of the run's workspace is full (ENOSPC)", { ...at, hint: FREE_SPACE })
  if (engine === 'polars') return new CheckError(`Polars cannot compute it: ${polarsWords(message)}`, options)
  if (isOutOfMemory(message))
    return new PermanentError(`DuckDB's memory limit is too small for it: ${firstLine(message)}`, {
      ...options,
      hint: 'raise --memory or limits.memory, or compute less at once: list(), string_agg() and ordered aggregates do not spill',
    })
  if (udfOfError(message)) return new CheckError(message.replace(/^.*?\budf /s, 'udf '), options)
  if (/^(Conversion|Out of Range|Invalid Input|Invalid Type|Constraint|Divide by Zero) Error/.test(message))
    return new CheckError(`DuckDB cannot compute it: ${duckdbWords(message)}`, options)
  if (/^(Binder|Catalog|Parser) Error/.test(message)) return new ConfigError(`DuckDB cannot bind it: ${duckdbWords(message)}`, options)
  return error
}

/** True for what DuckDB says at its memory limit; where its spill has no room on the disk it says nearly the same. */
export function isOutOfMemory(message: string): boolean {
  return !isSpillRefused(message) && /Out of Memory Error|failed to (pin|allocate|offload)/i.test(message)
}

function firstLine(message: string): string {
  return message.split('\n')[0] ?? message
}
