import { promisify } from 'node:util'
import { gzip, zstdCompress } from 'node:zlib'

const MEMBER_BYTES = 4 * 1024 * 1024

/** Members that are compressed, or wait for whoever takes them, beyond one for each thread: while the first is awaited, the threads go on with these. */
const AHEAD = 2

const COMPRESS = {
  // Room for a whole member, so that it is not put together from parts.
  gzip: (plain: Uint8Array) => promisify(gzip)(plain, { level: 1, chunkSize: MEMBER_BYTES / 2 }),
  zstd: (plain: Uint8Array) => promisify(zstdCompress)(plain),
} as const

/** How the bytes of a delivered file may be compressed. */
export type Compression = keyof typeof COMPRESS

/**
 * A byte stream compressed as members (gzip) or frames (zstd) of 4 MiB of plain bytes each, which any gunzip and unzstd reads as one file. They are compressed on libuv's pool (gzip at level 1, zstd at 3), a few
 * more than `threads` at once, and come in order. The same bytes give the same members, however they were cut into chunks. No bytes give one empty member.
 */
export async function* members(chunks: AsyncIterable<Uint8Array>, compression: Compression, threads: number): AsyncGenerator<Buffer> {
  const working: Promise<Buffer>[] = []
  const spare: Uint8Array[] = []
  const begin = (plain: Uint8Array) => {
    const member = COMPRESS[compression](plain).then((packed) => {
      if (plain.length === MEMBER_BYTES) spare.push(plain)
      return packed
    })
    // One that fails is awaited in its turn, or never when the reader goes first.
    member.catch(() => {})
    working.push(member)
  }
  let any = false
  for await (const plain of blocks(chunks, spare)) {
    begin(plain)
    any = true
    const first = working.length >= threads + AHEAD ? working.shift() : undefined
    if (first) yield await first
  }
  if (!any) begin(new Uint8Array(0))
  for (const member of working) yield await member
}

/** The same bytes in blocks of exactly 4 MiB, the last one shorter. `spare`: blocks that nobody needs any more, whose memory is used again. */
export async function* blocks(chunks: AsyncIterable<Uint8Array>, spare: Uint8Array[] = []): AsyncGenerator<Uint8Array> {
  const empty = () => spare.pop() ?? Buffer.allocUnsafe(MEMBER_BYTES)
  let block = empty()
  let filled = 0
  for await (let chunk of chunks) {
    while (chunk.length > 0) {
      const part = chunk.subarray(0, MEMBER_BYTES - filled)
      block.set(part, filled)
      filled += part.length
      chunk = chunk.subarray(part.length)
      if (filled < MEMBER_BYTES) continue
      yield block
      block = empty()
      filled = 0
    }
  }
  if (filled > 0) yield block.subarray(0, filled)
}
