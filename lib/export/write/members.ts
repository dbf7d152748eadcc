import { promisify } from 'node:util'
import { gzip, zstdCompress } from 'node:zlib'

const MEMBER_BYTES = 4 * 1024 * 1024

const COMPRESS = {
  gzip: (plain: Uint8Array) => promisify(gzip)(plain, { level: 1 }),
  zstd: (plain: Uint8Array) => promisify(zstdCompress)(plain),
} as const

/** How the bytes of a delivered file may be compressed. */
export type Compression = keyof typeof COMPRESS

/**
 * A byte stream compressed as members (gzip) or frames (zstd) of 4 MiB of plain bytes each, which any gunzip and unzstd reads as one file. They are compressed on libuv's pool (gzip at level 1, zstd at 3), up to
 * `threads` at once, and come in order. The same bytes give the same members, however they were cut into chunks. No bytes give one empty member.
 */
export async function* members(chunks: AsyncIterable<Uint8Array>, compression: Compression, threads: number): AsyncGenerator<Buffer> {
  const working: Promise<Buffer>[] = []
  const begin = (plain: Uint8Array) => {
    const member = COMPRESS[compression](plain)
    // One that fails is awaited in its turn, or never when the reader goes first.
    member.catch(() => {})
    working.push(member)
  }
  let any = false
  for await (const plain of blocks(chunks)) {
    begin(plain)
    any = true
    const first = working.length >= threads ? working.shift() : undefined
    if (first) yield await first
  }
  if (!any) begin(new Uint8Array(0))
  for (const member of working) yield await member
}

/** The same bytes in blocks of exactly 4 MiB, the last one shorter. */
export async function* blocks(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let block = Buffer.allocUnsafe(MEMBER_BYTES)
  let filled = 0
  for await (let chunk of chunks) {
    while (chunk.length > 0) {
      const part = chunk.subarray(0, MEMBER_BYTES - filled)
      block.set(part, filled)
      filled += part.length
      chunk = chunk.subarray(part.length)
      if (filled < MEMBER_BYTES) continue
      yield block
      block = Buffer.allocUnsafe(MEMBER_BYTES)
      filled = 0
    }
  }
  if (filled > 0) yield block.subarray(0, filled)
}
