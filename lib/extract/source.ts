import type { FileFormat, FilesRequest, HttpRequest, QueryRequest, SourceRequest, TableRequest } from '../connectors/requests.ts'
import { ConfigError } from '../core/errors.ts'
import { type KnownOptions, requireKnown, requireOneOf } from '../core/known-options.ts'

/** Which rows of a source are read, and when. */
export type ReadKind =
  /** For each partition: rows whose `column` is in `[start, end)`. `lookback` (`'3d'`, `'12h'`) adds the time before to what transforms see. */
  | { readonly by: 'window'; readonly column: string; readonly lookback?: string }
  /** Once for each run: rows at or after the last landed value of `column`, less `overlap`. */
  | {
      readonly by: 'cursor'
      readonly column: string
      readonly key: readonly string[]
      readonly overlap?: string
      readonly deletes: 'ignore' | 'keys'
      /** Loads from one compaction to the next. */
      readonly compact?: number
    }
  /** Once for each run, whole. */
  | { readonly by: 'whole' }

/** One extracted dataset, as `source(…)` makes it: a connection, what is asked of it, and how much of it is read. */
export interface Extract<out C extends string = never> {
  readonly connection: string
  readonly request: SourceRequest
  readonly kind: ReadKind
  /** Column → SQL expression over the source's own columns. */
  readonly expressions?: Readonly<Record<string, string>>
  /** It goes into the warehouse as the source's own bulk format: straight, or by way of the landing zone. */
  readonly forward?: true | 'land'
  /** Only a type: the columns that `kind` names. */
  readonly _columns?: C
}

/** Which rows of a dataset are read, and as what. A dataset with neither `window` nor `cursor` is read whole. */
export interface ReadOptions<C extends string> {
  /** The time column (timestamp, timestamptz, date) that cuts the dataset into partitions: rows outside `[start, end)` are dropped, whatever the source gives, and a row without a value is an error: it would be in no partition. A database is asked for the window only, so its rows without a value are never seen. A naive timestamp is in the connection's `zone`, else in the partitions'. */
  readonly window?: C
  /** With `window`: how much time before the partition transforms also see, as `'3d'`, `'12h'`, `'30m'`; those partitions land first, whole: it is rounded up to partitions. Where partitions are days or longer, `d` and `w` are days of the calendar in their zone, else 24 hours each; hours and minutes are exact. */
  readonly lookback?: string
  /** The column that only grows; rows at or after its last landed value are read. Needs `key`. */
  readonly cursor?: C
  /** With `cursor`: the columns that name a row. */
  readonly key?: C | readonly C[]
  /** With `cursor`: read again this far back, as `'1h'`, for rows that become visible late. */
  readonly overlap?: string
  /** With `cursor`: `keys` compares all keys with the source and deletes what is gone. Default `ignore`. */
  readonly deletes?: 'ignore' | 'keys'
  /** With `cursor`: after how many loads what they add up to is written as one, so that the current state stays quick to read. Default 64. */
  readonly compact?: number
  /** Column → SQL expression over the source's columns: `{ time: 'epoch_ms(properties.time)' }`. Its keys are then the dataset's columns. */
  readonly columns?: Readonly<Record<string, string>>
}

/** What becomes of a table's rows. */
export interface ForwardOption {
  /**
   * Its rows go from the database into a warehouse of the same kind in that kind's own bulk format, undecoded: the dataset, whole or with a window, can be loaded by `replace` and `replacePartition`,
   * and nothing else may read it. `true`: they do not land. `'land'`: they land as they come, and are loaded from there, as often as it takes, without the source.
   */
  readonly forward?: true | 'land'
}

/** Options of a dataset that is read whole. Without a column in them nothing may be inferred, hence the overloads. */
type Whole = Pick<ReadOptions<never>, 'columns'> & { readonly [K in Exclude<keyof ReadOptions<never>, 'columns'>]?: never }
type GetOptions = Omit<HttpRequest, 'method' | 'path' | 'body'>
type PostOptions = Omit<HttpRequest, 'method' | 'path'>
type TableOptions = Omit<TableRequest, 'method' | 'table'> & ForwardOption

/** What can be asked of a connection: `files` of a folder, `get` and `post` of a service, `table` and `query` of a database. `plan` refuses what does not fit its kind. */
export interface SourceBuilder {
  /** Files under the connection's folder, by path or glob, read as one dataset. With `{partition}` in a path they are read for each partition. */
  files(paths: string | readonly string[], options?: FileFormat & Whole): Extract
  files<const C extends string>(paths: string | readonly string[], options: FileFormat & ReadOptions<C>): Extract<C>
  /** A GET request, paged to its end. Options: those of HttpRequest, and ReadOptions. */
  get(path: string, options?: GetOptions & Whole): Extract
  get<const C extends string>(path: string, options: GetOptions & ReadOptions<C>): Extract<C>
  /** A POST request with a JSON body, paged to its end. Options: those of HttpRequest, and ReadOptions. */
  post(path: string, options?: PostOptions & Whole): Extract
  post<const C extends string>(path: string, options: PostOptions & ReadOptions<C>): Extract<C>
  /** A table or a view of a database. Window, cursor and the columns that are wanted are asked of the database. Options: those of TableRequest, ReadOptions, and ForwardOption. */
  table(name: string, options?: TableOptions & Whole): Extract
  table<const C extends string>(name: string, options: TableOptions & ReadOptions<C>): Extract<C>
  /** A query, run by the database. Window, cursor and the columns that are wanted are asked of the database. */
  query(sql: string, options?: Whole): Extract
  query<const C extends string>(sql: string, options: ReadOptions<C>): Extract<C>
}

const READ: KnownOptions<ReadOptions<string>> = {
  window: true,
  lookback: true,
  cursor: true,
  key: true,
  overlap: true,
  deletes: true,
  compact: true,
  columns: true,
}
const FILES: KnownOptions<FileFormat & ReadOptions<string>> = {
  format: true,
  compression: true,
  encoding: true,
  delimiter: true,
  quote: true,
  escape: true,
  nulls: true,
  header: true,
  ...READ,
}
const GET: KnownOptions<GetOptions & ReadOptions<string>> = {
  query: true,
  headers: true,
  format: true,
  rows: true,
  paging: true,
  each: true,
  csv: true,
  ...READ,
}
const POST: KnownOptions<PostOptions & ReadOptions<string>> = { body: true, ...GET }
const TABLE: KnownOptions<TableOptions & ReadOptions<string>> = { schema: true, where: true, forward: true, ...READ }

/**
 * Begins an extracted dataset from a connection of `millrace.config.ts`, by name: `source('usgs').get('/query', { window: 'time' })`.
 * @throws ConfigError, from what can be asked of it, for options that there are none of, or that exclude each other
 */
export function source(connection: string): SourceBuilder {
  return {
    files: (paths: string | readonly string[], options: FileFormat & ReadOptions<string> = {}) => {
      if (![paths].flat().every((path) => typeof path === 'string')) throw new ConfigError('files() needs a path, or a list of paths')
      requireKnown('files()', options, FILES)
      const [read, rest] = split(options)
      return {
        connection,
        request: { method: 'files', paths: typeof paths === 'string' ? [paths] : paths, ...rest } satisfies FilesRequest,
        ...read,
      }
    },
    get: (path: string, options: GetOptions & ReadOptions<string> = {}) => {
      requireKnown('get()', options, GET)
      const [read, rest] = split(options)
      return { connection, request: { method: 'GET', path, ...rest } satisfies HttpRequest, ...read }
    },
    post: (path: string, options: PostOptions & ReadOptions<string> = {}) => {
      requireKnown('post()', options, POST)
      const [read, rest] = split(options)
      return { connection, request: { method: 'POST', path, ...rest } satisfies HttpRequest, ...read }
    },
    table: (table: string, options: TableOptions & ReadOptions<string> = {}) => {
      requireKnown('table()', options, TABLE)
      const { forward, ...others } = options
      const [read, rest] = split(others)
      return { connection, request: { method: 'table', table, ...rest } satisfies TableRequest, ...read, ...(forward && { forward }) }
    },
    query: (sql: string, options: ReadOptions<string> = {}) => {
      requireKnown('query()', options, READ)
      const [read] = split(options)
      return { connection, request: { method: 'query', sql } satisfies QueryRequest, ...read }
    },
  }
}

function split<O extends ReadOptions<string>>(options: O) {
  const { window, lookback, cursor, key, overlap, deletes, compact, columns, ...rest } = options
  return [
    { kind: readKind({ window, lookback, cursor, key, overlap, deletes, compact }), ...(columns && { expressions: columns }) },
    rest,
  ] as const
}

type Given = { readonly [K in keyof Omit<ReadOptions<string>, 'columns'>]: ReadOptions<string>[K] | undefined }

function readKind({ window, lookback, cursor, key, overlap, deletes, compact }: Given): ReadKind {
  if (window !== undefined && cursor !== undefined) throw new ConfigError('a dataset has a window or a cursor, not both')
  if (window !== undefined) {
    if (overlap !== undefined || deletes !== undefined || compact !== undefined)
      throw new ConfigError('overlap, deletes and compact belong to a cursor, not to a window')
    return { by: 'window', column: window, ...(lookback !== undefined && { lookback }) }
  }
  if (cursor !== undefined) {
    if (key === undefined || key.length === 0) throw new ConfigError(`cursor "${cursor}" needs a key: the columns that name a row`)
    if (lookback !== undefined) throw new ConfigError('lookback belongs to a window, not to a cursor (use overlap)')
    if (compact !== undefined && !(Number.isInteger(compact) && compact >= 2))
      throw new ConfigError(`compact is ${compact}; expected a whole number of loads, at least 2`)
    if (deletes !== undefined) requireOneOf('deletes', deletes, ['ignore', 'keys'])
    return {
      by: 'cursor',
      column: cursor,
      key: typeof key === 'string' ? [key] : key,
      deletes: deletes ?? 'ignore',
      ...(overlap !== undefined && { overlap }),
      ...(compact !== undefined && { compact }),
    }
  }
  if (lookback !== undefined || overlap !== undefined || deletes !== undefined || compact !== undefined)
    throw new ConfigError('lookback needs a window; overlap, deletes and compact need a cursor')
  return { by: 'whole' }
}
