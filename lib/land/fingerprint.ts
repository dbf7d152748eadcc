import { checksums, type Fingerprint } from '../core/checksums.ts'
import { fileChunks } from '../core/file-chunks.ts'

/** Size and checksums of a file, in one pass. */
export function fingerprintOf(file: string, signal?: AbortSignal): Promise<Fingerprint> {
  return fingerprintOfStream(fileChunks(file, signal))
}

export async function fingerprintOfStream(stream: AsyncIterable<Uint8Array>): Promise<Fingerprint> {
  const sums = checksums()
  for await (const chunk of stream) sums.add(chunk)
  return sums.result()
}
