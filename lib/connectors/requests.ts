import type { MaybeSecret } from '../core/secret.ts'

/** What a pipeline file asks of a connection for one dataset; made by `source(connection)`, answered by a `Source` of the fitting kind. */
export type SourceRequest = FilesRequest | HttpRequest | TableRequest | QueryRequest

/** How a file is packed. `auto`: as its ending says. */
export type Compression = 'auto' | 'none' | 'gzip' | 'zstd'

/** How foreign files are written. What is not given is taken from the file's ending, never from its content. */
export interface FileFormat {
  /** `json`: an array of objects; `ndjson`: an object a line; `arrow`: IPC, file or stream form. */
  readonly format?: 'csv' | 'tsv' | 'json' | 'ndjson' | 'parquet' | 'arrow'
  /** Of CSV, TSV, JSON and NDJSON. Default `auto`. */
  readonly compression?: Compression
  /** Of CSV, TSV, JSON and NDJSON. A byte-order mark is always taken off. Default `utf-8`; a byte that is none of it is an error. */
  readonly encoding?: 'utf-8' | 'utf-16' | 'latin-1'
  /** Between the columns of CSV, at most 4 bytes. Default `,`; of TSV a tab. */
  readonly delimiter?: string
  /** Around values of CSV and TSV, one ASCII character, or '' for none. Default `"`. */
  readonly quote?: string
  /** Before a quote inside a quoted value. Default: the quote itself, doubled. */
  readonly escape?: string
  /** Texts that mean NULL in CSV and TSV, when not quoted. Default: the empty text. */
  readonly nulls?: readonly string[]
  /** CSV and TSV: whether the first line names the columns. Default true. */
  readonly header?: boolean
}

export interface FilesRequest extends FileFormat {
  readonly method: 'files'
  /** Paths or globs relative to the connection's folder. `{partition}` is replaced by the partition's name. */
  readonly paths: readonly string[]
}

/** How a response says that there is more. */
export type Paging =
  /** `first` is the first row's number, 0 or 1; a page with fewer rows than `limit` is the last. */
  | { readonly by: 'offset'; readonly parameter: string; readonly limitParameter: string; readonly limit: number; readonly first: number }
  /** `first` is the first page's number; a page with fewer rows than `size` (without it: an empty one) is the last. */
  | { readonly by: 'page'; readonly parameter: string; readonly first: number; readonly sizeParameter?: string; readonly size?: number }
  /** `next`: where in the JSON body the next cursor stands, as a dotted path; absent, null or '' ends. */
  | { readonly by: 'cursor'; readonly parameter: string; readonly next: string }
  /** The `Link: <…>; rel="next"` header. */
  | { readonly by: 'link' }

/** A value of a query parameter. */
export type HttpScalar = string | number | boolean | MaybeSecret

/** What is asked of a service, page by page, for one dataset. */
export interface HttpRequest {
  /** Given by `get` or `post`. */
  readonly method: 'GET' | 'POST'
  /** Relative to the connection's base URL. `{name}` is replaced, URL-encoded, from `each`'s parent row, `{partition}`, `{start}`, `{end}`, `{cursor}`. */
  readonly path: string
  /** Values may hold `{start}`, `{end}` (ISO 8601, UTC), `{partition}`, `{cursor}` (the last landed cursor value; the parameter is left out when there is none). */
  readonly query?: Readonly<Record<string, HttpScalar>>
  /** Sent beside those of the connection. */
  readonly headers?: Readonly<Record<string, MaybeSecret>>
  /** JSON body of a POST; texts in it may hold the same placeholders. */
  readonly body?: unknown
  /** Of the answer's body. Default `json`. */
  readonly format?: 'json' | 'ndjson' | 'csv'
  /** Dotted path to the array of rows in a JSON body; absent: the body is the array. */
  readonly rows?: string
  /** How to ask for the next page. Default: there is one page. A page that repeats an earlier one is an error. */
  readonly paging?: Paging
  /**
   * One request for each row of a parent dataset of this pipeline's extract: `{ parent: 'repository', column: 'id' }` fills `{id}` in path and query from the parent's
   * column of that name, and adds the column to each row as `parent_<column>`.
   */
  readonly each?: { readonly parent: string; readonly column: string }
  /** Options of CSV bodies. */
  readonly csv?: FileFormat
}

/** A table or a view of a database. */
export interface TableRequest {
  /** Given by `table`. */
  readonly method: 'table'
  /** Its name, one identifier, as the database has it: a dot in it is part of the name. */
  readonly table: string
  /** Default: the connection's. */
  readonly schema?: string
  /** A condition in the database's own SQL, run there: `{start}` and `{end}` (instants) and `{partition}` (a text) stand for values, without quotes. Naive times are compared with them in the connection's `zone`. */
  readonly where?: string
}

/** The rows of a query. */
export interface QueryRequest {
  /** Given by `query`. */
  readonly method: 'query'
  /** One SELECT in the database's own SQL, run there, whose columns have names, each its own. `{start}` and `{end}` (instants) and `{partition}` (a text) stand for values, without quotes. Naive times are compared with them in the connection's `zone`. */
  readonly sql: string
}
