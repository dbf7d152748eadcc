import type { RunContext } from '../core/context.ts'
import type { Columns, TimeWindow } from '../core/dataset.ts'
import type { Finding } from '../core/finding.ts'
import type { Extensions } from '../engines/extensions.ts'
import type { FileStep } from '../engines/file-steps.ts'
import type { Reader, ReaderJob, ReaderResult } from '../engines/reader.ts'
import type { CheckContext } from './check.ts'
import type { FrameSupport, Frames } from './frames.ts'
import type { SourceRequest } from './requests.ts'
import type { SharedLimits } from './shared-limits.ts'

/** One read of one dataset. */
export interface Read {
  readonly dataset: string
  readonly request: SourceRequest
  /** The columns wanted, with declared types, as the source gives them (before a pipeline's `columns:` expressions). */
  readonly columns: Columns
  readonly partition?: string
  /** Ask for this window `[start, end)` if the source can; the caller cuts to it in any case. */
  readonly window?: TimeWindow & { readonly column?: string }
  /** IANA zone in which the caller understands naive times where the source declares none. */
  readonly zone?: string
  /**
   * Ask for rows whose `column` is at or after `from` (DuckDB's text form of the value) if the source can; the caller cuts in any case. Absent `from`: all rows. `type`: what the column is declared as, where there are no
   * `columns` that say it. A source that orders the column otherwise than DuckDB orders what lands refuses it, in `describe` and `read`: rows that are newer to it would be passed over.
   */
  readonly cursor?: { readonly column?: string; readonly from?: string; readonly type?: string }
  /** Rows of a parent dataset, for parent → child requests: the distinct values of the column that the request's `each` names, as text. */
  readonly parents?: readonly string[]
}

/** For what a relation is read: its rows, at once or in parts side by side, or a value that does not fit. */
export type Over = 'sql' | 'parts' | 'located'

/**
 * What DuckDB can read, in the reader child. `sql` is one SELECT with no parameters, whose columns have the names of `Read.columns` and the types of `raw`;
 * where `raw` differs from the declared type, the caller casts strictly and finds the first value that does not fit.
 */
export interface Relation {
  readonly sql: string
  /** The relation's own types, by column: `text` where the source has no types (CSV). */
  readonly raw: Columns
  /**
   * The same rows with two more columns, `_file` (text: path or URL) and `_row` (int64: 1-based row of that file, header not counted); run only to explain a failure.
   */
  readonly located: string
  /** What `located` says as `_file`, where that is one text, known before: then `_row` is the number of a row in what the read gave. */
  readonly place?: string
  /** The types of `located`, where they are not those of `raw`: `text` for what may fail to become a value of its type. */
  readonly locatedRaw?: Columns
  /**
   * The same rows cut into parts, each a SELECT as `sql` is one, that are read side by side: `execute` over `parts` takes one statement for each, in their order. One after the other they give what `sql` gives.
   * Only for a caller that looks at each row alone.
   */
  readonly parts?: readonly string[]
  /** Quicker ways to the same rows with other raw types, the quickest first: each right only if `sql` would have worked and no step of its `proof` finds anything, so `sql` stays the one that decides. */
  readonly fast?: readonly { readonly sql: string; readonly raw: Columns; readonly proof: readonly FileStep[] }[]
  /** Statements that the reader child runs before `sql`, on the same connection (`SET …`). */
  readonly before: readonly string[]
  /**
   * Where more than files must be there while `sql`, `parts` or `located` run (a stream into a FIFO, sessions of a server): runs a job over one of them, with what it needs before, beside and after it. May be
   * called several times, one after the other. Where it is given, nobody runs them in another way: see `runOver`.
   */
  execute?(job: ReaderJob, over: Over, signal: AbortSignal): Promise<ReaderResult>
  /** Arrow IPC files (file or stream form) that the reader child first turns into Parquet files in the new folders `to`: `sql` reads `<to>/*.parquet`. */
  readonly arrow?: readonly { readonly from: string; readonly to: string }[]
  /** IANA zone of the naive timestamps in text, when the source declares one. */
  readonly zone?: string
  /** What is read, for messages: file names or URLs. */
  readonly names?: readonly string[]
  /** What people call a file that it wrote itself, by the last part of its path: a URL. */
  called?(name: string): string | undefined
  /** The moment that the rows are of, where that is before the read began: what happened later is not in them. */
  readonly asOf?: Date
  /** Bytes that were read from outside, as far as known. */
  readonly bytes?: number
  /** Called once after `sql` has run and before its rows are committed. @throws TransientError when what was read changed meanwhile. */
  verify?(): Promise<void>
  /** Removes what the read left in the workspace. */
  close(): Promise<void>
}

/**
 * A system that data is read from. The engine opens one for each connection and run, lazily, reads up to `concurrency` datasets at once, and closes it at the
 * end of the run. Transient failures of single requests are retried inside `read` by the shared policy (core/retry); what `read` throws is final: TransientError when
 * it may go through later, PermanentError or CheckError otherwise, naming dataset and where. After a failed or aborted `read` nothing is left but files in the
 * workspace. A `read` does not change the source. `read` gives every row that was there when it began (a source with snapshots: when its first read began, and the relation says so by `asOf`), or throws: an end that
 * comes early is an error.
 */
export interface Source {
  readonly kind: string
  /** How many datasets may be read at once. */
  readonly concurrency: number
  /** Asks the source for the columns and types of a request, for `plan --discover`: what it cannot know it reads from a bounded sample. */
  describe(read: Omit<Read, 'columns'>, ctx: RunContext): Promise<Columns>
  /** A text that is equal if and only if nothing changed since; undefined when the source cannot tell cheaply. */
  version(read: Read, ctx: RunContext): Promise<string | undefined>
  /** Where the connection says `ask`: whether one read of `read.window` takes clearly less than one of each of the windows, which lie in it. Reads nothing. */
  readsWhole?(read: Read, windows: readonly TimeWindow[], ctx: RunContext): Promise<boolean>
  read(read: Read, ctx: RunContext): Promise<Relation>
  /**
   * The same rows for a warehouse of the source's own kind, undecoded. Nobody cuts or casts after it, so window and declared types are the source's to keep: it cuts to the window exactly, and what it gives under a name
   * that `Read.columns` declares as another type than `describe` would is a CheckError. ConfigError for what means something else on another server. Nothing is sent before the first `send`.
   */
  frames?(read: Read, ctx: RunContext): Promise<Frames>
  close(): Promise<void>
}

/** What a source is given when it is opened. */
export interface SourceTools {
  /** The run's reader child: foreign data is parsed nowhere else. The source does not close it. */
  readonly reader: Reader
  readonly extensions: Extensions
  /** Absent: this process alone reads from the connection, and the source keeps its limits itself. */
  readonly shared?: SharedLimits
}

/** A server that a connection has started on this machine, for fixtures. */
export interface Served {
  /** As the connection's own sources understand it. */
  readonly address: string
  close(): Promise<void>
}

/** A configured, not yet opened source, as `files`, `http` and `postgres` make it: plain settings that can be printed, and how to open them. */
export interface SourceConnection {
  readonly kind: string
  /** The requests that it answers; `plan` refuses others without opening it. */
  readonly methods: readonly SourceRequest['method'][]
  /** Refuses a request of these methods that it could never answer, by what is written alone: `plan` asks it for each dataset. @throws ConfigError */
  checkRequest?(request: SourceRequest): void
  /** Settings in force, for `millrace config`; secrets stay Secret. */
  readonly settings: Readonly<Record<string, unknown>>
  /** IANA zone of naive timestamps in this source. */
  readonly zone?: string
  /** Absent: its sources give none. */
  readonly frames?: FrameSupport
  /** How many sessions of a server its sources may hold at once; absent: it holds none for longer than a request. */
  readonly sessions?: number
  /** Starts the server that the connection brings along; absent where it is elsewhere. Its sources take its address from `SharedLimits.served`, where they are given that. */
  serve?(): Promise<Served>
  /** Whether a read of one window goes through all that the request names, so that one pass for many windows saves the others; `ask`: its sources know (`Source.readsWhole`). Absent: they can be asked for a window. */
  readsWhole?(request: SourceRequest): boolean | 'ask'
  /** What `plan` says of how it will be read on this machine: what is slower or weaker than it could be. */
  notes?(extensions: Extensions): readonly string[]
  openSource(tools: SourceTools): Source
  /** Whether it is there, answers, and lets us read what is asked: for `millrace doctor`. */
  check?(ctx: CheckContext): Promise<readonly Finding[]>
}

/** Runs a job whose statements are over a relation's `sql`, `parts` or `located`, with all that the relation wants. */
export function runOver(
  relation: Relation,
  over: Over,
  job: Omit<ReaderJob, 'before' | 'after' | 'arrow' | 'files'>,
  reader: Pick<Reader, 'execute'>,
  signal: AbortSignal,
): Promise<ReaderResult> {
  const whole: ReaderJob = {
    ...job,
    before: relation.before,
    ...(relation.names && { files: relation.names }),
    ...(relation.arrow && { arrow: relation.arrow }),
  }
  return relation.execute ? relation.execute(whole, over, signal) : reader.execute(whole, signal)
}
