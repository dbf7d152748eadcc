import type { ByteStream } from '../../lib/core/byte-stream.ts'

/** Bytes in chunks of a size, all in the same memory, which is wiped as soon as the next chunk is asked for. */
export function lent(bytes: Uint8Array, size: number): ByteStream {
  let failure: Error | undefined
  async function* chunks() {
    const memory = Buffer.allocUnsafe(size)
    for (let at = 0; at < bytes.length; at += size) {
      if (failure) throw failure
      const chunk = bytes.subarray(at, at + size)
      memory.set(chunk)
      yield memory.subarray(0, chunk.length)
      memory.fill('?')
    }
  }
  return {
    [Symbol.asyncIterator]: chunks,
    destroy: (error = new Error('destroyed')) => {
      failure ??= error
    },
  }
}
