import { createWriteStream } from 'node:fs'
import { link, lstat, rm } from 'node:fs/promises'
import { type Duplex, PassThrough } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import type { Store } from '../../connectors/store.ts'
import { checksums } from '../../core/checksums.ts'
import { DamagedError, PermanentError } from '../../core/errors.ts'
import { fileChunks } from '../../core/file-chunks.ts'
import { unzstd } from '../../core/zstd-frames.ts'
import { decoded } from '../../formats/decoded.ts'
import type { File } from '../delivery.ts'
import type { DeliveryManifest } from '../manifest.ts'
import { readTwice } from '../read-twice.ts'
import { packingOf } from '../write/file-forms.ts'

const CHUNK_BYTES = 2 ** 18

/**
 * Brings a delivered file to a path of this machine; CSV unpacked, in UTF-8, without a byte-order mark. One that is like that in a store on the path's own disk gets a second name there, and is not copied.
 * @throws NotFound where it is gone; PermanentError where its bytes are not those of the manifest
 */
export async function spoolFile(
  file: File,
  contract: DeliveryManifest['contract'],
  store: Store,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  const { bytes, sha256 } = await readTwice(() => spooled(file.key, contract, store, path, signal)).catch(lasting)
  if (sha256 !== file.sha256)
    throw new PermanentError(
      `${file.key} is not what was delivered: ${bytes} bytes, SHA-256 ${sha256}, not ${file.bytes}, ${file.sha256}`,
      {
        file: file.key,
      },
    )
}

async function spooled(key: string, contract: DeliveryManifest['contract'], store: Store, path: string, signal: AbortSignal) {
  const sums = checksums()
  if (isPlain(contract) && (await linked(store.localPath(key), path))) {
    for await (const chunk of fileChunks(path, signal)) sums.add(chunk)
  } else await copied(key, contract, store, path, sums.add, signal)
  return sums.result()
}

function lasting(error: unknown): never {
  throw error instanceof DamagedError ? new PermanentError(error.message, { ...error.place, cause: error }) : error
}

/** Whether files under a contract are stored as they are to be read. */
function isPlain(contract: DeliveryManifest['contract']): boolean {
  return packingOf(contract) === 'none' && (contract.format !== 'csv' || (contract.encoding === 'utf-8' && !contract.byteOrderMark))
}

/** Gives a stored file a second name. False where it has no path, lies on another disk, or is not there: its store knows more. */
async function linked(stored: string | undefined, path: string): Promise<boolean> {
  if (stored === undefined) return false
  try {
    await link(stored, path)
  } catch {
    return false
  }
  if ((await lstat(path)).isFile()) return true
  await rm(path)
  return false
}

async function copied(
  key: string,
  contract: DeliveryManifest['contract'],
  store: Store,
  path: string,
  onChunk: (chunk: Uint8Array) => void,
  signal: AbortSignal,
): Promise<void> {
  const text = contract.format === 'csv' ? decoded(contract.encoding, contract.byteOrderMark) : undefined
  await pipeline(
    await store.get(key),
    async function* (chunks: AsyncIterable<Uint8Array>) {
      for await (const chunk of chunks) {
        onChunk(chunk)
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
}

function unpacking(compression: ReturnType<typeof packingOf>): Duplex {
  const options = { chunkSize: CHUNK_BYTES }
  return compression === 'gzip'
    ? createGunzip(options)
    : compression === 'zstd'
      ? unzstd(options)
      : new PassThrough({ highWaterMark: CHUNK_BYTES })
}
