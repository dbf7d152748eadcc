import type { RunContext } from '../core/context.ts'
import type { Columns, Dataset } from '../core/dataset.ts'
import type { Finding } from '../core/finding.ts'
import type { Extensions } from '../engines/extensions.ts'
import type { CheckContext } from './check.ts'
import type { FrameSupport, Frames } from './frames.ts'

/** How a dataset's rows meet those of the table. */
export type Disposition =
  | { readonly mode: 'append' }
  | { readonly mode: 'replace' }
  | { readonly mode: 'replacePartition' }
  /** `order`: the column that decides which of two rows of a key is later (a cursor dataset's cursor); absent: `_partition` decides. */
  | { readonly mode: 'merge'; readonly key: readonly string[]; readonly order?: string }

/** What a warehouse has committed for one (pipeline, table, partition). */
export interface Token {
  readonly pipeline: string
  readonly table: string
  /** Partition name; '' for a target without partitions. */
  readonly partition: string
  readonly inputKey: string
  /** Last applied load id of each cursor input, by dataset. */
  readonly loads: Readonly<Record<string, number>>
}

export interface LoadRequest {
  readonly dataset: Dataset
  readonly table: string
  readonly disposition: Disposition
  /** What the caller read before it computed; undefined: there was none. The load commits only if it is still so. */
  readonly expected: Token | undefined
  readonly token: Token
  /** The value of `_load`: load id if extracted, else the first 12 digits of the input key. */
  readonly load: string
  /** Rows of keys to delete (tombstones of a cursor dataset), a Parquet file with the key columns; merge only. */
  readonly tombstones?: readonly string[]
}

export interface LoadReceipt {
  /** Rows that entered the table. */
  readonly rows: number
  /** Rows of the dataset that lost to a later row of the same key in the table (merge only): `rows + superseded` are the dataset's. */
  readonly superseded: number
  /** Rows that left the table (replaced, deleted). */
  readonly removed: number
  /** Columns that were added to the table. */
  readonly added: readonly string[]
}

/** Rows of a table that are asked for, to be compared with what would take their place. */
export interface RowsRequest {
  readonly table: string
  /** Those of this partition; absent: all, or with `keys` no others than theirs. */
  readonly partition?: string
  /** And those of any other partition that have one of the keys in these Parquet files: `columns` are the key's. Where the table has a column of them not, or of another type, these are none. */
  readonly keys?: { readonly columns: Columns; readonly files: readonly string[] }
  /** Columns of whoever asks: where a warehouse tells names apart without case, theirs is the spelling. */
  readonly columns: Columns
  /** The Parquet file that is made of them; absolute, and not there. */
  readonly path: string
}

export interface RowsReceipt {
  /** The table's, without its own; a type that millrace does not have is the warehouse's name of it, and its values are texts in the file. */
  readonly columns: Columns
  readonly rows: number
}

/** Frames on their way into one table. */
export interface ReceiveRequest {
  /** Its name, for messages. */
  readonly dataset: string
  readonly table: string
  readonly disposition: Extract<Disposition, { mode: 'replace' | 'replacePartition' }>
  /** Whose token it is. */
  readonly place: Pick<Token, 'pipeline' | 'table' | 'partition'>
  /** As in `LoadRequest`. */
  readonly expected: Token | undefined
  /** Called once in each attempt, when all frames have come: what is to be committed, or undefined when the table holds just this already. */
  token(): Token | undefined
  /** The value of `_load`. */
  readonly load: string
  /** The next loads of the table will mostly have the same value: it may be kept with the table, at the price of a change to that where it is another. */
  readonly lasting: boolean
}

export interface ReceiveReceipt {
  /** Rows that came, as both sides have counted them. */
  readonly rows: number
  readonly bytes: number
  readonly removed: number
  /** Columns that were added to the table. */
  readonly added: readonly string[]
  /** Nothing was committed: `token` gave none. */
  readonly unchanged: boolean
}

/**
 * Tables that people query. `load` puts rows and token into ONE transaction: after it returns both are durable, after it throws neither is there. Rows carry
 * `_partition` (text) and `_load` (text). The table is made from the dataset's columns when missing; a new column is added (NULL in old rows); a column of another type, or one that the
 * dataset no longer has, is a ConfigError that says what changed. `merge` is idempotent by key, and a row is replaced only by one from an equal or later order (cursor, else
 * `_partition`), so that partitions may come in any order; two rows of one key in the dataset are a CheckError naming the key. If the token is not `expected` any more,
 * OutrunError ("another run"). `replace` and `replacePartition` of a table for which another pipeline has a token are a ConfigError that names it: they would delete its rows, and its tokens say that they are there. Opened by load only, for as short as possible; `close` releases every lock. When another process holds
 * the warehouse: waits up to 60 s on the context's clock, then TransientError.
 *
 * `copyOut` writes rows of a table into a Parquet file, with their `_partition`, as they are committed, and changes nothing; each column has the table's type as `fileColumns` writes it.
 *
 * `receive` is a load whose rows are frames. All of the above holds, but for the types: a new table gets the frames' own, and one that is there must have exactly those, else ConfigError. Rows and token are committed once the
 * sender has counted the rows and the table has taken as many; without a token from the request everything is as it was. What the sender throws comes back as it is, and is tried again where it may succeed.
 */
export interface Warehouse {
  readonly kind: string
  /** Columns of a table without `_partition` and `_load`; undefined when it is not there. */
  describe(table: string, ctx: RunContext): Promise<Columns | undefined>
  load(request: LoadRequest, ctx: RunContext): Promise<LoadReceipt>
  /** Undefined where the table is not there; then no file is made. */
  copyOut(request: RowsRequest, ctx: RunContext): Promise<RowsReceipt | undefined>
  receive?(request: ReceiveRequest, frames: Frames, ctx: RunContext): Promise<ReceiveReceipt>
  /** All tokens of a pipeline, but those of tables that are not there: who drops a table has its partitions loaded again. An absent warehouse has none and is not created by asking. */
  tokens(pipeline: string, ctx: RunContext): Promise<readonly Token[]>
  close(): Promise<void>
}

/** What a warehouse is given when it is opened. */
export interface WarehouseTools {
  readonly extensions: Extensions
  /** Many loads will come: what one opens may stay open for so long, for the next one. Absent: nothing is held between calls. */
  readonly keepOpenMs?: number
}

/** A configured, not yet opened warehouse, as `duckdb` and `postgres` make it. */
export interface WarehouseConnection {
  readonly kind: string
  readonly settings: Readonly<Record<string, unknown>>
  /** Where a person finds it. */
  readonly location: string
  /** Absent: its warehouses take none. */
  readonly frames?: FrameSupport
  openWarehouse(tools: WarehouseTools): Warehouse
  /** Whether it can be opened, holds its tokens, and lets us write: for `millrace doctor`. */
  check?(ctx: CheckContext): Promise<readonly Finding[]>
}
