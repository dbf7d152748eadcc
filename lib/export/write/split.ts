import { type RecordDialect, recordEnds } from './record-ends.ts'

/** Where one CSV stream is cut into files. */
export interface Cut extends RecordDialect {
  /** The most that a file holds, besides its header: rows, or bytes with it (of UTF-8, before compression). A row that is larger than that has a file of its own. */
  readonly limit: { readonly rows: number } | { readonly bytes: number }
  /** Whether the stream's first record is a header: each file gets it. */
  readonly header: boolean
}

/** Bytes of the file at hand, or, after its last ones, how many rows it has. */
export type Piece = Uint8Array | { readonly rows: number }

/**
 * One CSV stream in UTF-8 as several files, cut between records only: where depends on the bytes alone, not on how they came in chunks. A stream without rows is one file. Looks at record ends, reads no fields, and
 * holds no more than the record at hand.
 */
export async function* cutIntoFiles(chunks: AsyncIterable<Uint8Array>, { limit, header, ...dialect }: Cut): AsyncGenerator<Piece> {
  const ends = recordEnds(dialect)
  let head: Uint8Array | undefined = header ? undefined : new Uint8Array(0)
  let [rows, bytes] = [0, 0]
  // Of the record at hand, what came in earlier chunks; copied, since each chunk holds until the next.
  let begun: Uint8Array[] = []
  let begunBytes = 0
  const isFull = (record: number) => rows > 0 && ('rows' in limit ? rows >= limit.rows : bytes + record > limit.bytes)
  for await (const chunk of chunks) {
    let [from, start] = [0, 0]
    // Over records, since each may be the one before which a file ends.
    for (const end of ends.of(chunk)) {
      const record = begunBytes + end - start
      if (head === undefined) {
        head = Buffer.concat([...begun, chunk.subarray(start, end)])
        yield head
        bytes = record
      } else {
        if (isFull(record)) {
          if (start > from) yield chunk.subarray(from, start)
          yield { rows }
          if (head.length > 0) yield head
          ;[rows, bytes, from] = [0, head.length, start]
        }
        yield* begun
        rows++
        bytes += record
      }
      ;[begun, begunBytes, start] = [[], 0, end]
      if (rows === 0) from = end
    }
    if (start > from) yield chunk.subarray(from, start)
    if (start < chunk.length) {
      begun.push(Buffer.from(chunk.subarray(start)))
      begunBytes += chunk.length - start
    }
  }
  // A writer ends every record; one that it did not is still one.
  if (begunBytes > 0) {
    yield* begun
    rows++
  }
  yield { rows }
}
