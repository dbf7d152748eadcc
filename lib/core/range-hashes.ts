import { createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'

const CHUNK_BYTES = 2 ** 20

/** A part of a file. */
export type ByteRange = readonly [start: number, bytes: number]

/** For each list of parts of an open file the SHA-256 (hex) of its bytes, one part after the other. */
export async function rangeHashes(
  file: FileHandle,
  lists: readonly (readonly ByteRange[])[],
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES)
  const hashes: string[] = []
  for (const ranges of lists) {
    const hash = createHash('sha256')
    for (const [start, bytes] of ranges) {
      for (let at = start; at < start + bytes; at += CHUNK_BYTES) {
        signal?.throwIfAborted()
        const { bytesRead } = await file.read(buffer, 0, Math.min(CHUNK_BYTES, start + bytes - at), at)
        hash.update(buffer.subarray(0, bytesRead))
      }
    }
    hashes.push(hash.digest('hex'))
  }
  return hashes
}
