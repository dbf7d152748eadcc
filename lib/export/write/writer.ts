import type { Dataset } from '../../core/dataset.ts'
import type { DuckDB } from '../../engines/duckdb.ts'
import type { Producer } from '../../engines/fifo-source.ts'
import type { FilesRequest } from './put-files.ts'

/** What is to be written, in whatever format. */
export interface Writing<C> {
  readonly db: DuckDB
  readonly dataset: Dataset
  readonly contract: C
  /** The dataset's files are in the contract's order already. */
  readonly inOrder: boolean
  readonly threads: number
  readonly signal: AbortSignal
  /** A folder for files of this delivery. */
  readonly workspace: string
}

/** How a format writes: bytes that an engine puts into a FIFO, and what becomes of them on their way into the store. The same rows give the same bytes. */
export interface FileWriter extends Pick<FilesRequest, 'contentType' | 'convert' | 'cut' | 'readBack'> {
  readonly produce: Producer
}
