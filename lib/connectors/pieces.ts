import { type FileHandle, open } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { crc32c } from '@node-rs/crc32'
import type { ByteStream } from '../core/byte-stream.ts'
import { crcText } from '../core/checksums.ts'
import { ConfigError } from '../core/errors.ts'
import type { PutBody } from './store.ts'

/** Part of a body, as one request of an upload carries it. `bytes` is overwritten when the next piece is asked for. */
export interface Piece {
  readonly offset: number
  readonly bytes: Uint8Array
  readonly last: boolean
  /** CRC32C of the whole body up to the end of this piece, 8 hex digits. */
  readonly crc32c: string
}

/** A body cut into pieces of `chunkSize`. */
export type Pieces = AsyncGenerator<Piece, void, void>

/** What can be read again from the start, and its CRC32C is known before a byte is sent. */
export interface Known {
  readonly bytes: number
  readonly crc32c: string
  /** Anew from the start; of another size than that of the others, where one is given. */
  pieces(size?: number): Pieces
}

/** What is known of bytes or of a finished file. @throws ConfigError for what is no finished file */
export async function known(body: Exclude<PutBody, { stream: ByteStream }>, chunkSize: number): Promise<Known> {
  if ('bytes' in body) {
    const bytes = typeof body.bytes === 'string' ? Buffer.from(body.bytes) : body.bytes
    return { bytes: bytes.length, crc32c: crcText(crc32c(bytes)), pieces: (size = chunkSize) => cut(partsOf(bytes, size), size) }
  }
  const { file } = body
  let crc = 0
  let size = 0
  for await (const part of partsOfFile(file, 2 ** 20)) {
    crc = crc32c(part, crc)
    size += part.length
  }
  return { bytes: size, crc32c: crcText(crc), pieces: (size = chunkSize) => cut(partsOfFile(file, size), size) }
}

/** The pieces of a stream. @throws ConfigError when it has been read already; whatever the stream throws */
export function piecesOf(stream: ByteStream, chunkSize: number): Pieces {
  refuseRead(stream)
  return cut(stream, chunkSize)
}

/** @throws ConfigError for a stream that has been read already */
export function refuseRead(stream: ByteStream): void {
  if (stream instanceof Readable && (stream.readableEnded || stream.readableDidRead))
    throw new ConfigError('the stream to put has been read already')
}

/** Which piece is the last must be known when it is sent, so each is held back until a byte after it has come. */
async function* cut(parts: AsyncIterable<unknown>, chunkSize: number): Pieces {
  let buffer: Buffer = Buffer.alloc(0)
  let filled = 0
  let offset = 0
  let crc = 0
  const piece = (last: boolean): Piece => ({ offset, bytes: buffer.subarray(0, filled), last, crc32c: crcText(crc) })
  for await (const part of parts) {
    let rest = typeof part === 'string' ? Buffer.from(part) : (part as Uint8Array)
    while (rest.length > 0) {
      if (filled === chunkSize) {
        yield piece(false)
        offset += filled
        filled = 0
      }
      const taken = rest.subarray(0, chunkSize - filled)
      if (filled + taken.length > buffer.length) buffer = grown(buffer, filled + taken.length, chunkSize)
      buffer.set(taken, filled)
      crc = crc32c(taken, crc)
      filled += taken.length
      rest = rest.subarray(taken.length)
    }
  }
  yield piece(true)
}

/** Most bodies are much smaller than a chunk. */
function grown(buffer: Buffer, needed: number, chunkSize: number): Buffer {
  const larger = Buffer.allocUnsafeSlow(Math.min(chunkSize, Math.max(needed, 2 * buffer.length)))
  larger.set(buffer)
  return larger
}

async function* partsOf(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function* partsOfFile(path: string, size: number): AsyncGenerator<Uint8Array> {
  let file: FileHandle | undefined
  try {
    file = await open(path)
    const stats = await file.stat()
    if (!stats.isFile()) throw new ConfigError(`not a finished file: ${path}`)
    const buffer = Buffer.allocUnsafeSlow(Math.max(1, Math.min(size, stats.size)))
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length)
      if (bytesRead === 0) return
      yield buffer.subarray(0, bytesRead)
    }
  } finally {
    await file?.close()
  }
}

/** Pieces of which the first has been taken already. */
export async function* resumed(first: IteratorResult<Pieces extends AsyncGenerator<infer P> ? P : never, void>, rest: Pieces): Pieces {
  if (!first.done) yield first.value
  yield* rest
}
