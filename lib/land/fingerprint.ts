import { createHash } from 'node:crypto'
import { crc32c } from '@node-rs/crc32'
import { fileChunks } from '../core/file-chunks.ts'

export interface Fingerprint {
  readonly bytes: number
  readonly sha256: string
  /** 8 hex digits, as stores want it. */
  readonly crc32c: string
}

/** Size and checksums of a file, in one pass. */
export function fingerprintOf(file: string, signal?: AbortSignal): Promise<Fingerprint> {
  return fingerprintOfStream(fileChunks(file, signal))
}

export async function fingerprintOfStream(stream: AsyncIterable<Uint8Array>): Promise<Fingerprint> {
  const sha = createHash('sha256')
  let [bytes, crc] = [0, 0]
  for await (const chunk of stream) {
    bytes += chunk.byteLength
    crc = crc32c(chunk, crc)
    sha.update(chunk)
  }
  return { bytes, sha256: sha.digest('hex'), crc32c: crc.toString(16).padStart(8, '0') }
}
