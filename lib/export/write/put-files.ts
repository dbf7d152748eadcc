import type { Store } from '../../connectors/store.ts'
import type { ByteStream } from '../../core/byte-stream.ts'
import { checksums, type Fingerprint } from '../../core/checksums.ts'
import { PermanentError } from '../../core/errors.ts'
import type { CsvSums } from '../../formats/csv-sums.ts'
import type { StoredReader } from '../prove/read-stored.ts'
import type { Piece } from './split.ts'

/** How a stream becomes objects. */
export interface FilesRequest {
  /** The key of the nth file, from 1. */
  readonly key: (n: number) => string
  readonly contentType: string
  /** What the bytes of each file become before they are stored: encoded, compressed, packed. undefined: they are stored as they come. */
  readonly convert: ((chunks: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>) | undefined
  /** Cuts the stream into files, of which each ends with how many rows it has; undefined: it is one. */
  readonly cut: ((plain: AsyncIterable<Uint8Array>) => AsyncGenerator<Piece>) | undefined
  /** Of the whole stream. */
  readonly rows: number
  readonly signal: AbortSignal
  /** Begins to read a file back, before which the delivery has so many rows. */
  readonly readBack: (before: number) => StoredReader
}

/** An object as it was sent and is stored. */
export interface Written extends Fingerprint {
  readonly key: string
  readonly rows: number
  /** What it holds, read back. */
  readonly read: CsvSums
  /** Its bytes, where they are few: nothing is stored yet. */
  readonly held?: Uint8Array
}

/** A file of so few bytes waits in memory for its proof, and is stored under its own name at once: no temporary object, no copy, nothing to delete. */
const FEW_BYTES = 2 ** 18

/** Puts the files that a stream is cut into, each converted as the format asks; they are measured and read back as they are stored. */
export async function putFiles(
  request: FilesRequest,
  plain: ByteStream,
  tell: (bytes: number) => void,
  store: Store,
): Promise<readonly Written[]> {
  const { cut, rows } = request
  const pieces = (cut ? cut(plain) : wholeFile(plain, rows))[Symbol.asyncIterator]()
  const files: Written[] = []
  let before = 0
  try {
    for (let next = await pieces.next(); !next.done; next = await pieces.next()) {
      const file = fileOf(next.value, pieces)
      const key = request.key(files.length + 1)
      const sums = checksums()
      const reader = request.readBack(before)
      const passing = async (chunk: Uint8Array) => {
        sums.add(chunk)
        tell(chunk.byteLength)
        await reader.add(chunk)
      }
      try {
        const body = {
          [Symbol.asyncIterator]: () => converted(file.chunks, request, passing),
          destroy: (error?: Error) => plain.destroy(error),
        }
        const held = await putFile(request, key, body, store).finally(reader.requireReadable)
        const rows = file.counted()
        files.push({ key, rows, read: await reader.end(), ...sums.result(), ...(held && { held }) })
        before += rows
      } finally {
        reader.stop()
      }
    }
  } finally {
    await pieces.return?.(undefined)
  }
  return files
}

async function* wholeFile(chunks: AsyncIterable<Uint8Array>, rows: number): AsyncGenerator<Piece> {
  yield* chunks
  yield { rows }
}

/** The bytes of one file, of which the first piece has been taken; its rows are known at its end. */
function fileOf(first: Piece, pieces: AsyncIterator<Piece>) {
  let rows: number | undefined
  async function* chunks(): AsyncGenerator<Uint8Array> {
    let piece = first
    while (piece instanceof Uint8Array) {
      yield piece
      const next = await pieces.next()
      if (next.done) throw new RangeError('a file has no end')
      piece = next.value
    }
    rows = piece.rows
  }
  const counted = (): number => {
    if (rows === undefined) throw new PermanentError('the store has taken a file before its end')
    return rows
  }
  return { chunks: chunks(), counted }
}

async function* converted(
  chunks: AsyncIterable<Uint8Array>,
  { convert }: FilesRequest,
  passing: (chunk: Uint8Array) => Promise<void>,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of convert ? convert(chunks) : chunks) {
    await passing(chunk)
    yield chunk
  }
}

/** Puts one object that must not be there; the bytes of a whole delivery in one file are given back instead where they are few. */
export async function putFile(
  { signal, contentType, cut }: FilesRequest,
  key: string,
  body: ByteStream,
  store: Store,
): Promise<Uint8Array | undefined> {
  const chunks = body[Symbol.asyncIterator]()
  const first = cut ? [] : await fewBytes(chunks)
  if (!Array.isArray(first)) return first
  const stream = { [Symbol.asyncIterator]: () => followed(first, chunks), destroy: (error?: Error) => body.destroy(error) }
  await store.put(key, { stream }, { ifAbsent: true, signal, contentType })
  return undefined
}

/** All bytes of a stream that has few; else those that it began with. Copied: each chunk holds until the next. */
async function fewBytes(chunks: AsyncIterator<Uint8Array>): Promise<Uint8Array | Uint8Array[]> {
  const taken: Uint8Array[] = []
  for (let bytes = 0; bytes <= FEW_BYTES; ) {
    const { value, done } = await chunks.next()
    if (done) return Buffer.concat(taken)
    bytes += value.byteLength
    taken.push(Buffer.from(value))
  }
  return taken
}

async function* followed(first: readonly Uint8Array[], rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* first
    for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value
  } finally {
    await rest.return?.(undefined)
  }
}
