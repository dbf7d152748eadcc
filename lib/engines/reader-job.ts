import type { ByteRange } from '../core/range-hashes.ts'
import type { DuckDBOptions, MetaRow, SqlValues } from './duckdb.ts'
import type { FileStep } from './file-steps.ts'

/** One SQL statement as data. */
export interface ReaderStatement {
  readonly sql: string
  readonly values?: SqlValues
  /** Quicker ways to do the same, with the same values, the quickest first: one counts only if it succeeds and no step of its `proof`, run beside it, finds anything; else the next is tried, at last `sql`. */
  readonly fast?: readonly { readonly sql: string; readonly proof: readonly FileStep[] }[]
}

/** What the reader child does on one connection of its own, in this order. Plain data: it crosses a process border. */
export interface ReaderJob {
  /** What is read: named in the error when the child crashes or goes beyond a limit. */
  readonly dataset?: string
  readonly files?: readonly string[]
  /** IANA zone of the job's session; absent: the reader's. */
  readonly zone?: string
  /** Done by an engine of one thread, the job's own: for small work, and for one stream of rows, where a second thread takes more than it gives. Several such jobs run side by side. */
  readonly oneThread?: boolean
  /** Work on foreign files that DuckDB cannot do. */
  readonly steps?: readonly FileStep[]
  /** Arrow IPC files (file or stream form), each turned into Parquet files in the new folder `to`. */
  readonly arrow?: readonly { readonly from: string; readonly to: string }[]
  readonly before?: readonly string[]
  readonly statements?: readonly ReaderStatement[]
  /** A last statement that gives a few metadata rows. */
  readonly meta?: ReaderStatement
  /** Lists of parts of a file that lies in a workspace, to be hashed. */
  readonly hash?: { readonly file: string; readonly lists: readonly (readonly ByteRange[])[] }
  /** Run at the end in any case, also after a failure or an abort; what fails of them is passed over. */
  readonly after?: readonly string[]
}

export interface ReaderResult {
  /** For each of the job's `steps` whether it found what it looks for, or wrote a copy. */
  readonly found?: readonly boolean[]
  /** Rows changed, or written by COPY, for each statement. */
  readonly rows: readonly number[]
  /** Rows of `meta`, each value as DuckDB's text. */
  readonly meta: readonly MetaRow[]
  /** SHA-256 (hex) of each list of `hash`. */
  readonly hashes?: readonly string[]
}

/** What went wrong in the child, as data. */
export interface ReaderFault {
  readonly message: string
  /** `data`: a step found that a file is not what it should be; `engine`: DuckDB's own message; `bug`: anything else. */
  readonly kind: 'data' | 'engine' | 'bug'
  readonly file?: string
  readonly column?: string
  readonly stack?: string
}

export type ToChild =
  | { readonly type: 'start'; readonly options: DuckDBOptions }
  | { readonly type: 'job'; readonly id: number; readonly job: ReaderJob }
  | { readonly type: 'abort'; readonly id: number }

export type FromChild =
  | { readonly type: 'done'; readonly id: number; readonly result: ReaderResult }
  | { readonly type: 'failed'; readonly id: number; readonly fault: ReaderFault }
  /** Resident bytes, where the parent cannot look them up itself. */
  | { readonly type: 'memory'; readonly bytes: number }
