// Loaded only where Arrow is written: apache-arrow has 146 files.
import { createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { AsyncByteQueue, Message, RecordBatchFileWriter, RecordBatchReader, type Schema } from 'apache-arrow'
import { loadPolars } from './polars.ts'

/** Rows of a record batch: a row group of DuckDB's. */
const BATCH_ROWS = 122_880

/**
 * Writes rows `[from, to)` of a Parquet file that we wrote as an Arrow IPC file, batch by batch, into a path that may be a FIFO: Polars makes Arrow's memory of the rows, apache-arrow frames it. Polars 0.26 frames no file of its own as the specification has it: the
 * length before its schema is missing. Memory is bounded by one batch; the same rows give the same bytes.
 */
export async function arrowFromParquet(
  parquet: string,
  [from, to]: readonly [from: number, to: number],
  path: string,
  signal: AbortSignal,
): Promise<void> {
  const pl = await loadPolars()
  const writer = new HeldWriter()
  async function* bytes(): AsyncGenerator<Uint8Array> {
    for (let at = from; at < Math.max(to, from + 1); at += BATCH_ROWS) {
      signal.throwIfAborted()
      const frame = await pl
        .scanParquet(parquet, { glob: false, hivePartitioning: false })
        .slice(at, Math.min(BATCH_ROWS, to - at))
        .collect({ streaming: true })
      const reader = RecordBatchReader.from(frame.rechunk().writeIPCStream({ compression: 'uncompressed' }))
      for (const batch of reader) writer.write(batch)
      if (from === to) writer.reset(undefined, reader.schema)
      yield* writer.take()
    }
    writer.finish()
    yield* writer.take()
  }
  await pipeline(bytes(), createWriteStream(path), { signal })
}

/** A writer whose bytes are taken when it has written a batch: its own queue has no end. */
class HeldWriter extends RecordBatchFileWriter {
  constructor() {
    super()
    this._sink = new Held()
  }

  /** With the schema's message, which apache-arrow 21.2 leaves out: who reads a file from its beginning needs it. */
  protected override _writeSchema(schema: Schema): this {
    super._writeSchema(schema)
    return this._writeMessage(Message.from(schema))
  }

  take(): readonly Uint8Array[] {
    return this._sink instanceof Held ? this._sink.held.splice(0) : []
  }
}

class Held extends AsyncByteQueue {
  readonly held: Uint8Array[] = []
  override write(chunk: Uint8Array): void {
    if (chunk.byteLength > 0) this.held.push(chunk)
  }
}
