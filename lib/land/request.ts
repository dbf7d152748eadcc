import type { Relation } from '../connectors/source.ts'
import type { Store } from '../connectors/store.ts'
import type { RunContext } from '../core/context.ts'
import type { Columns, TimeWindow } from '../core/dataset.ts'
import type { DuckDB, SqlValues } from '../engines/duckdb.ts'
import type { OpenEngine } from '../engines/engine-pool.ts'
import type { Reader, ReaderStatement } from '../engines/reader.ts'
import type { CountRows } from '../formats/count-rows.ts'
import type { CompactedLoads, LoadManifest } from '../state/manifest.ts'

/** How rows are chosen; a pipeline's `ReadKind` fits it. */
export type LandKind =
  | { readonly by: 'window'; readonly column: string }
  | {
      readonly by: 'cursor'
      readonly column: string
      readonly key: readonly string[]
      readonly deletes: 'ignore' | 'keys'
      readonly compact?: number
    }
  | { readonly by: 'whole' }

/** The one SELECT of declared types over a relation, already cut to the window or the cursor. */
export interface Selected {
  readonly sql: string
  readonly values?: SqlValues
  /** The same over each part of the relation, with the same values. */
  readonly parts?: readonly string[]
  /** A quicker way to the same rows; see `ReaderStatement`. */
  readonly fast?: NonNullable<ReaderStatement['fast']>
}

/** What a load's manifest says of how it was read. */
export interface Asked {
  readonly dataset: string
  /** Partition name; `_all` for a dataset without partitions. */
  readonly partition: string
  /** In order. */
  readonly columns: Columns
  /** Hash of what was asked; recorded. */
  readonly readKey: string
  readonly window?: TimeWindow
  /** The window had not ended when the read began. */
  readonly open: boolean
  readonly sourceVersion?: string
}

/** One read to be landed; its `columns` are what `select` gives. */
export interface LandRequest extends Asked {
  readonly kind: LandKind
  readonly select: Selected
  readonly relation: Relation
  /** The cursor value from which rows were asked, overlap taken off, as DuckDB's text; absent: all rows. */
  readonly cursorFrom?: string
  /** All rows were asked for by name: they may begin a cursor dataset's state anew where values of it fit today's types no more. */
  readonly refresh?: boolean
  /** Cursor datasets: the columns that all of the state has, where it is not all of them; rows that had landed are told by these. */
  readonly stateColumns?: Columns
  /** With `deletes: 'keys'`: the key columns of every row of the source, read after `relation`. */
  readonly keys?: { readonly select: Selected; readonly relation: Relation }
}

export interface LandTools {
  readonly store: Store
  readonly reader: Pick<Reader, 'execute'>
  /** Default `openDuckDB`. */
  readonly openEngine?: OpenEngine
  /** Default: by such an engine. */
  readonly countRows?: CountRows
}

/** What came of a read. Rows balance: `read` = `rows` + `unchanged` + `superseded` where something was committed. */
export interface Landed {
  /** The current load after the read: a new one, or the one that was there. */
  readonly manifest: LoadManifest
  /** `unchanged`: no new load, since the content is that of the current one. */
  readonly outcome: 'done' | 'unchanged'
  /** Rows that the select gave. */
  readonly read: number
  /** Rows in the new load; 0 when there is none. */
  readonly rows: number
  /** Rows that had landed before just so. */
  readonly unchanged: number
  /** Cursor datasets: rows older than another one of their key. */
  readonly superseded: number
  /** Keys found to be gone. */
  readonly removed: number
  /** Bytes of the new load's files. */
  readonly bytes: number
  /** What a cursor dataset's loads were written as, where that was due. */
  readonly compacted?: CompactedLoads
}

/** A read as the reader child has written it, in the workspace. */
export interface Staged {
  /** One, or one for each part of a relation, in their order. */
  readonly files: readonly string[]
  /** As the child's COPY has counted them. */
  readonly rows: number
}

/** What the parts of one landing share. */
export interface Work {
  /** In the workspace, removed at the end. */
  readonly folder: string
  readonly db: DuckDB
  readonly ctx: RunContext
}
