import { createHash } from 'node:crypto'
import { crc32c } from '@node-rs/crc32'

/** Size and checksums of some bytes. */
export interface Fingerprint {
  readonly bytes: number
  readonly sha256: string
  /** 8 hex digits, as stores want it. */
  readonly crc32c: string
}

/** Counts and hashes natively, chunk by chunk; `result` once, at the end. */
export function checksums(): { add(chunk: Uint8Array): void; bytes(): number; result(): Fingerprint } {
  const sha256 = createHash('sha256')
  let [bytes, crc] = [0, 0]
  return {
    add: (chunk) => {
      bytes += chunk.byteLength
      crc = crc32c(chunk, crc)
      sha256.update(chunk)
    },
    bytes: () => bytes,
    result: () => ({ bytes, sha256: sha256.digest('hex'), crc32c: crcText(crc) }),
  }
}

/** A CRC as 8 hex digits. */
export function crcText(crc: number): string {
  return crc.toString(16).padStart(8, '0')
}
