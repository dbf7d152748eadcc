import { createWriteStream } from 'node:fs'
import { PassThrough, type Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import type { Store } from '../../connectors/store.ts'
import { checksums } from '../../core/checksums.ts'
import { PermanentError } from '../../core/errors.ts'
import { decoded } from '../../formats/decoded.ts'
import type { File } from '../delivery.ts'
import type { DeliveryManifest } from '../manifest.ts'
import { packingOf } from '../write/file-forms.ts'

const CHUNK_BYTES = 2 ** 18

/**
 * Brings a delivered file to a path of this machine; CSV unpacked, in UTF-8, without a byte-order mark.
 * @throws NotFound where it is gone; PermanentError where its bytes are not those of the manifest
 */
export async function spoolFile(
  file: File,
  contract: DeliveryManifest['contract'],
  store: Store,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  const sums = checksums()
  const text = contract.format === 'csv' ? decoded(contract.encoding, contract.byteOrderMark) : undefined
  await pipeline(
    await store.get(file.key),
    async function* (chunks: AsyncIterable<Uint8Array>) {
      for await (const chunk of chunks) {
        sums.add(chunk)
        yield chunk
      }
    },
    unpacking(packingOf(contract)),
    async function* (chunks: AsyncIterable<Uint8Array>) {
      for await (const chunk of chunks) yield text ? text.add(chunk) : chunk
      if (text) yield text.end()
    },
    createWriteStream(path, { highWaterMark: CHUNK_BYTES }),
    { signal },
  )
  const { bytes, sha256 } = sums.result()
  if (sha256 !== file.sha256)
    throw new PermanentError(
      `${file.key} is not what was delivered: ${bytes} bytes, SHA-256 ${sha256}, not ${file.bytes}, ${file.sha256}`,
      {
        file: file.key,
      },
    )
}

function unpacking(compression: ReturnType<typeof packingOf>): Transform {
  const options = { chunkSize: CHUNK_BYTES }
  return compression === 'gzip'
    ? createGunzip(options)
    : compression === 'zstd'
      ? createZstdDecompress(options)
      : new PassThrough({ highWaterMark: CHUNK_BYTES })
}
