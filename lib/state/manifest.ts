import type { Columns } from '../core/dataset.ts'

/** A landed file as its manifest names it. */
export interface LandedFile {
  /** Key in the landing store. */
  readonly key: string
  readonly rows: number
  readonly bytes: number
  readonly sha256: string
}

/**
 * What a load's one file holds where that is not Parquet: the bytes of a system's own bulk format, as they came from the source, compressed. A warehouse that speaks the format takes them; nothing else
 * reads them.
 */
export interface UndecodedRows {
  /** `postgres-copy-binary`: PostgreSQL's COPY … (FORMAT binary), from its header to its trailer. */
  readonly format: string
  readonly compression: 'zstd'
  /** In the order of the bytes, with types in the words of the systems that speak the format: `numeric(12,2)`. */
  readonly columns: readonly { readonly name: string; readonly type: string }[]
  /** About the system that the bytes come from: what they mean depends on these. */
  readonly facts: Readonly<Record<string, number>>
  /** Of the bytes as they came. */
  readonly bytes: number
  readonly sha256: string
}

/**
 * One load of one dataset's partition: the landing's commit point, an immutable object `<pipeline>/<dataset>/<partition>/_manifests/<id>.json`, written last by
 * create-if-absent. The highest id is current (for a cursor dataset the loads add up). What stands under `run` differs from run to run and is left out when two runs are compared.
 */
export interface LoadManifest {
  readonly pipeline: string
  readonly dataset: string
  /** Partition name; `_all` for a dataset without partitions. */
  readonly partition: string
  readonly id: number
  readonly columns: Columns
  /** Hash of what was asked (request, kind, columns, expressions, zone of naive times): a load made under another one is not used again but read anew. */
  readonly readKey: string
  readonly files: readonly LandedFile[]
  /** Absent: the files are Parquet. */
  readonly undecoded?: UndecodedRows
  /** Keys that are gone from the source (cursor datasets with `deletes: 'keys'`): Parquet with the key columns. */
  readonly tombstones?: readonly LandedFile[]
  readonly rows: number
  /** Hex, 128 bits, with the columns' names and types in it: where it is equal, the rows are. */
  readonly contentHash: string
  /** Which hash it is: of the file's bytes, of undecoded bytes as they came, or of the rows in whatever order, then with the engine version that defines it. */
  readonly hashName: string
  /** Of each column in the order of the rows (hex, 128 bits), by name: where those of some columns are equal, and the number of rows is, the rows are as far as they consist of them. Absent: a cursor dataset's load, undecoded rows, a load of before there were any. */
  readonly columnHashes?: Readonly<Record<string, string>>
  /** UTC instants, ISO 8601. */
  readonly window?: { readonly start: string; readonly end: string }
  /** The window had not ended when it was read: it is read again. */
  readonly open: boolean
  /** The range of the cursor column that this load really covered, as DuckDB's text. */
  readonly cursor?: { readonly column: string; readonly from?: string; readonly to?: string }
  /** Cursor datasets: the columns that all of the state has, where this load has more; what was asked is hashed with these. */
  readonly stateColumns?: Columns
  /** Cursor datasets: the state begins with this load, a whole read; those before it could not be read any more. */
  readonly base?: boolean
  /** What the source said of its own version; equal next time means nothing changed. */
  readonly sourceVersion?: string
  readonly run: { readonly id: string; readonly at: string; readonly millrace: string; readonly duckdb: string }
}

/** A file of a compaction: rows of loads that had the same columns, each with the number of the load that it came with, in a column of its own. */
export interface CompactedFile extends LandedFile {
  readonly columns: Columns
}

/**
 * What a cursor dataset's loads up to `to` add up to, written as one: of each key the row that counts. An immutable object `<pipeline>/<dataset>/_compacted/<to>.json`, written last by create-if-absent. It takes the place of
 * no load and has no number among them: whoever wants the state reads it and the loads after `to`, whoever wants changes reads the loads. Without it the state is the same.
 */
export interface CompactedLoads {
  readonly pipeline: string
  readonly dataset: string
  readonly partition: string
  /** The last load that is in it. */
  readonly to: number
  /** Of that load: where another one has its number, somebody has begun the landing anew, and this counts for nothing. */
  readonly contentHash: string
  /** By which columns of which types the rows that count were told: others may tell others. */
  readonly key: Columns
  readonly cursor: Columns
  readonly files: readonly CompactedFile[]
  readonly rows: number
  /** `load`: the run that landed the last load. */
  readonly run: LoadManifest['run'] & { readonly load: string }
}

/**
 * What is found of a load after it was committed, when the source is read again and its content is the same: the window has ended since, or what was asked, the window or the source's version are others. An
 * immutable object `_manifests/<id>.confirmed-<n>.json`; the highest n counts.
 */
export interface Confirmation {
  readonly id: number
  readonly contentHash: string
  readonly readKey: string
  /** As of a load; absent in records of before there was one here: the load's own. */
  readonly window?: NonNullable<LoadManifest['window']>
  readonly open: boolean
  readonly sourceVersion?: string
  readonly run: LoadManifest['run']
}
