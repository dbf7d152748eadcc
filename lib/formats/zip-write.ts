import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { crc32, createDeflateRaw } from 'node:zlib'
import { PermanentError } from '../core/errors.ts'

/** A file of a ZIP archive. */
interface Entry {
  readonly name: string
  readonly method: 0 | 8
  readonly flags: number
  readonly offset: number
  crc: number
  packed: number
  bytes: number
}

const STORED = 0
const DEFLATED = 8
/** Names are UTF-8. */
const UTF8 = 0x0800
/** Checksum and sizes stand behind the content. */
const BEHIND = 0x0008
/** 1 January 1980, the first day that ZIP knows: an archive says nothing of when it was made. */
const DAY = 0x0021
const MOST_BYTES = 2 ** 32 - 1

/**
 * A ZIP archive, front to back: some small files as they are, then one that comes as a stream, deflated. The same content in the same chunks gives the same bytes.
 * @throws PermanentError where the last one has 4 GiB or more
 */
export async function* zipped(
  small: Readonly<Record<string, string>>,
  last: { readonly name: string; readonly chunks: AsyncIterable<Uint8Array> },
): AsyncGenerator<Uint8Array> {
  const entries: Entry[] = []
  let offset = 0
  for (const [name, text] of Object.entries(small)) {
    const bytes = Buffer.from(text)
    const entry = { name, method: STORED, flags: UTF8, offset, crc: crc32(bytes), packed: bytes.length, bytes: bytes.length } as const
    entries.push(entry)
    const head = localHeader(entry)
    yield head
    yield bytes
    offset += head.length + bytes.length
  }
  const entry: Entry = { name: last.name, method: DEFLATED, flags: UTF8 | BEHIND, offset, crc: 0, packed: 0, bytes: 0 }
  entries.push(entry)
  const head = localHeader(entry)
  yield head
  const deflate = createDeflateRaw({ level: 1 })
  const flow = pipeline(Readable.from(measured(last.chunks, entry)), deflate)
  // Told by the loop below too, which ends with the same error.
  flow.catch(() => {})
  for await (const chunk of deflate as AsyncIterable<Uint8Array>) {
    entry.packed += chunk.length
    yield chunk
  }
  await flow
  if (Math.max(entry.bytes, entry.packed) >= MOST_BYTES)
    throw new PermanentError(`${last.name} would have ${entry.bytes} bytes, and such an archive holds less than 4 GiB`)
  const behind = fields([4, 0x08074b50], [4, entry.crc], [4, entry.packed], [4, entry.bytes])
  yield behind
  yield ending(entries, offset + head.length + entry.packed + behind.length)
}

async function* measured(chunks: AsyncIterable<Uint8Array>, entry: Entry): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    entry.crc = crc32(chunk, entry.crc)
    entry.bytes += chunk.length
    yield chunk
  }
}

function localHeader({ name, method, flags, crc, packed, bytes }: Entry): Buffer {
  const text = Buffer.from(name)
  const head = fields(
    [4, 0x04034b50],
    [2, 20],
    [2, flags],
    [2, method],
    [2, 0],
    [2, DAY],
    [4, crc],
    [4, packed],
    [4, bytes],
    [2, text.length],
    [2, 0],
  )
  return Buffer.concat([head, text])
}

/** The central directory and its end. */
function ending(entries: readonly Entry[], start: number): Buffer {
  const directory = entries.map(({ name, method, flags, offset, crc, packed, bytes }) => {
    const text = Buffer.from(name)
    const head = fields(
      ...([
        [4, 0x02014b50],
        [2, 20],
        [2, 20],
        [2, flags],
        [2, method],
        [2, 0],
        [2, DAY],
        [4, crc],
        [4, packed],
        [4, bytes],
      ] as const),
      ...([
        [2, text.length],
        [2, 0],
        [2, 0],
        [2, 0],
        [2, 0],
        [4, 0],
        [4, offset],
      ] as const),
    )
    return Buffer.concat([head, text])
  })
  const size = directory.reduce((sum, { length }) => sum + length, 0)
  const end = fields([4, 0x06054b50], [2, 0], [2, 0], [2, entries.length], [2, entries.length], [4, size], [4, start], [2, 0])
  return Buffer.concat([...directory, end])
}

/** Numbers of 2 or 4 bytes, the lowest first. */
function fields(...values: readonly (readonly [size: 2 | 4, value: number])[]): Buffer {
  const out = Buffer.alloc(values.reduce((sum, [size]) => sum + size, 0))
  let at = 0
  for (const [size, value] of values) at = size === 2 ? out.writeUInt16LE(value, at) : out.writeUInt32LE(value, at)
  return out
}
