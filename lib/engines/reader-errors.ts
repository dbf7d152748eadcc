import { basename } from 'node:path'
import { refusedByDisk } from '../core/disk-refusal.ts'
import { CheckError, ConfigError, type ErrorPlace, type MillraceError, PermanentError, TransientError } from '../core/errors.ts'
import type { ReaderFault, ReaderJob } from './reader-job.ts'

/** What a job reads, for messages: `flights.csv`, `a.csv and 3 more`, `dataset "flights"`. */
export function filesText({ dataset, files }: Pick<ReaderJob, 'dataset' | 'files'>): string {
  const [first, ...more] = files ?? []
  if (first === undefined) return dataset === undefined ? 'foreign data' : `dataset "${dataset}"`
  const names = more.length === 0 ? basename(first) : `${basename(first)} and ${more.length} more`
  return dataset === undefined ? names : `${names} of dataset "${dataset}"`
}

/** The typed error of what went wrong in the child; DuckDB's whole message is its `cause`. */
export function errorOfFault(fault: ReaderFault, job: ReaderJob): Error {
  const only = job.files?.length === 1 ? job.files[0] : undefined
  const file = fault.file ?? only
  const place: ErrorPlace = {
    ...(job.dataset !== undefined && { dataset: job.dataset }),
    ...(file !== undefined && { file: basename(file) }),
    ...(fault.column !== undefined && { column: fault.column }),
  }
  if (fault.kind === 'data') return new CheckError(`${basename(fault.file ?? '')} ${fault.message}`, place)
  const cause = new Error(fault.message)
  if (fault.stack !== undefined) cause.stack = fault.stack
  if (fault.kind === 'bug') return cause
  const [, type = '', rest = fault.message] = /^([A-Za-z ]+?)(?: Error| exception): ([\s\S]*)$/.exec(fault.message) ?? []
  const said = `reading ${filesText(job)}: ${rest.split('\n')[0]}`
  switch (type) {
    case 'Binder':
    case 'Catalog':
    case 'Parser':
    case 'Syntax':
      return new ConfigError(said, { ...place, cause })
    case 'Out of Memory': {
      const refused = refusedByDisk(cause, 'the workspace', place)
      if (refused instanceof PermanentError) return refused
      return new PermanentError(said, { ...place, cause, hint: 'raise --memory (limits.memory, limits.readerMemory), or lower --threads' })
    }
    case 'IO': {
      const refused = refusedByDisk(cause, only ?? filesText(job), place)
      if (refused instanceof PermanentError) return refused
      return /No files found|Cannot open file|Could not write/i.test(rest)
        ? new PermanentError(said, { ...place, cause })
        : new CheckError(said, { ...place, cause })
    }
    case 'INTERNAL':
    case 'FATAL':
      return new CheckError(`reading ${filesText(job)} broke the engine`, { ...place, cause })
    default:
      return new CheckError(said, { ...place, cause })
  }
}

/** The error of a child that ended in the middle of a job: `how`, and the last words that it had for us. */
export function crashed(job: ReaderJob, how: string, words: string): MillraceError {
  // No fault in a file ends a process so: the kernel does, or a person.
  if (how === 'SIGKILL')
    return new TransientError(`the reader was killed (SIGKILL) while reading ${filesText(job)}`, {
      ...placeOf(job),
      hint: 'by the machine, where memory was short, or by somebody: run again; if it comes again, give readers or engines less memory',
    })
  const said = words.trim().split('\n').at(-1)?.slice(0, 200)
  return new CheckError(`reading ${filesText(job)} crashed the reader (${how})`, {
    ...placeOf(job),
    hint: 'the file is damaged or hostile: fetch or write it again',
    ...(said && { cause: new Error(said) }),
  })
}

/** Where a job reads: its dataset, and its file where it is one. */
export function placeOf({ dataset, files }: ReaderJob): ErrorPlace {
  const only = files?.length === 1 ? files[0] : undefined
  return { ...(dataset !== undefined && { dataset }), ...(only !== undefined && { file: basename(only) }) }
}
