/**
 * Columns in order: name → type as text. Types are `boolean`, `int8`…`int64`, `uint8`…`uint64`, `float32`, `float64`, `decimal(p,s)`, `text`,
 * `bytes`, `date`, `time`, `timestamp`, `timestamptz`, `interval`, `uuid`, `json`, `list(T)`, `struct(name T, …)`.
 */
export type Columns = Readonly<Record<string, string>>

/**
 * The one value that travels the road: immutable Parquet files, their columns, their rows, and the hash of what they were made from.
 * `files` are absolute local paths; zero rows is one file with zero rows, never no file.
 */
export interface Dataset {
  readonly name: string
  readonly columns: Columns
  readonly files: readonly string[]
  readonly rows: number
  /** Hex. For an extracted dataset the hash of its content, whatever its row order; for a computed one the hash of its inputs and code. */
  readonly hash: string
  /** Of a cursor dataset's current state: what names its content as far as it consists of some columns, by their names as JSON. */
  readonly hashesOf?: Readonly<Record<string, string>>
}

/** A partition's time window `[start, end)` as UTC instants. */
export interface TimeWindow {
  readonly start: Date
  readonly end: Date
}
