import { createHash } from 'node:crypto'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Frames } from '../connectors/frames.ts'
import type { Store } from '../connectors/store.ts'
import { NotFound } from '../core/errors.ts'
import { unzstd } from '../core/zstd-frames.ts'
import type { LoadManifest, UndecodedRows } from '../state/manifest.ts'
import { damaged } from './local-files.ts'

/**
 * Undecoded rows as they have landed, to be sent as often as they are wanted: each time read from the store, and compared with the manifest byte for byte before the last of them counts.
 * `send` throws CheckError naming a file that is missing or is not what was landed.
 */
export function framesOfLoad(store: Store, load: LoadManifest & { readonly undecoded: UndecodedRows }): Frames {
  const { undecoded, rows } = load
  const [file] = load.files
  if (!file) throw new RangeError(`load ${load.id} of ${load.dataset} has no file`)

  async function stream(): Promise<Readable> {
    try {
      return await store.get(file?.key ?? '')
    } catch (error) {
      throw error instanceof NotFound && file ? damaged(load, file, 'is missing') : error
    }
  }

  return {
    format: undecoded.format,
    columns: undecoded.columns,
    facts: undecoded.facts,
    asOf: new Date(load.run.at),
    what: `the landed file ${file.key}`,
    send: async (take, signal) => {
      const sha = createHash('sha256')
      let bytes = 0
      try {
        await pipeline(
          await stream(),
          unzstd({ chunkSize: 2 ** 18 }),
          async (chunks: AsyncIterable<Uint8Array>) => {
            for await (const chunk of chunks) {
              sha.update(chunk)
              bytes += chunk.byteLength
              await take(chunk)
            }
          },
          { signal },
        )
      } catch (error) {
        signal.throwIfAborted()
        throw isOfZstd(error) ? damaged(load, file, `cannot be unpacked: ${error.message}`) : error
      }
      signal.throwIfAborted()
      if (bytes !== undecoded.bytes) throw damaged(load, file, `unpacks to ${bytes} bytes, not ${undecoded.bytes}`)
      if (sha.digest('hex') !== undecoded.sha256)
        throw damaged(load, file, 'unpacks to other bytes than were landed (their SHA-256 differs)')
      return { rows, bytes }
    },
    inAttempts: (work) => work(),
  }
}

/** A file that is cut short, and one with a flipped bit. */
function isOfZstd(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && /^(ZSTD_|Z_)/.test(String(error.code))
}
