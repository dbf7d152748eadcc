import type { Limits } from '../core/context.ts'
import type { MetaRow, SqlValues } from './duckdb.ts'

/** One SQL statement as data. */
export interface ReaderStatement {
  readonly sql: string
  readonly values?: SqlValues
}

/** What the reader child does on one connection of its own, in this order. Plain data: it crosses a process border. */
export interface ReaderJob {
  /** What is read: named in the error when the child crashes or goes beyond a limit. */
  readonly dataset?: string
  readonly files?: readonly string[]
  /** IANA zone of the job's session; absent: the reader's. */
  readonly zone?: string
  /** Arrow IPC files (file or stream form), each turned into the Parquet file `to`. */
  readonly arrow?: readonly { readonly from: string; readonly to: string }[]
  readonly before?: readonly string[]
  readonly statements?: readonly ReaderStatement[]
  /** A last statement that gives a few metadata rows. */
  readonly meta?: ReaderStatement
}

export interface ReaderResult {
  /** Rows changed, or written by COPY, for each statement. */
  readonly rows: readonly number[]
  /** Rows of `meta`, each value as DuckDB's text. */
  readonly meta: readonly MetaRow[]
}

export interface ReaderOptions {
  readonly limits: Pick<Limits, 'memoryBytes' | 'threads' | 'readerMemoryBytes' | 'readerTimeoutMs'>
  /** IANA zone of the sessions. */
  readonly zone: string
  /** A folder for the child's spill, its own. */
  readonly temp: string
  /** Ends the child and every job when it aborts. */
  readonly signal?: AbortSignal
}

/** The one process that parses foreign data: what crashes it, or eats its memory, is not this process. */
export interface Reader {
  /**
   * Runs a job; several may run at once. An aborted signal interrupts the statement and rejects with its reason; only files that the job was
   * writing are left.
   * @throws CheckError for data that cannot be read or converted (its `cause` holds DuckDB's own message), ConfigError for SQL that does not
   * bind, PermanentError for what the machine refuses (no such file, memory, time), TransientError when another job ended the child.
   */
  execute(job: ReaderJob, signal?: AbortSignal): Promise<ReaderResult>
  /** Ends the child. Jobs that run are rejected. */
  close(): Promise<void>
}

/** Starts the reader child at once, in parallel with the caller's own work. A child that dies is replaced at the next job. */
export declare function openReader(options: ReaderOptions): Reader
