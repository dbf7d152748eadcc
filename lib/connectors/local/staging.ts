import { createReadStream } from 'node:fs'
import { lstat } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { crc32c } from '@node-rs/crc32'
import type { ByteStream } from '../../core/byte-stream.ts'
import { crcText } from '../../core/checksums.ts'
import { disk, isErrno } from '../../core/disk.ts'
import { ConfigError, PermanentError } from '../../core/errors.ts'
import { fileChunks } from '../../core/file-chunks.ts'
import { refuseRead } from '../pieces.ts'
import type { PutBody, PutOptions } from '../store.ts'
import type { Temporaries } from './temporaries.ts'

/** A body as a file on the disk where the object will be, complete but not yet durable. */
export interface Staged {
  readonly path: string
  readonly crc32c: string
  /** It is ours to remove when the put fails; a caller's own file stays where it is. */
  readonly temporary: boolean
  /** It stays when the put is done: another object's file, of which the new one is a second link. */
  readonly stays?: boolean
  /** A caller's file that was copied, to be removed when the put is done. */
  readonly source?: string
}

/**
 * Brings a body to the disk of `folder`: a finished file of that disk stays where it is, anything else is written to a temporary file. The CRC is computed natively on the way.
 * @throws PermanentError when the content is not what `options.crc32c` says; whatever the stream throws. Nothing is left then.
 */
export async function stage(
  body: PutBody,
  folder: string,
  temporaries: Temporaries,
  options: Pick<PutOptions, 'crc32c' | 'signal'>,
): Promise<Staged> {
  const staged = await bring(body, folder, temporaries, options.signal)
  if (options.crc32c === undefined || options.crc32c === staged.crc32c) return staged
  await discard(staged)
  throw new PermanentError(`the content has crc32c ${staged.crc32c}, not ${options.crc32c} as announced`, {
    hint: 'it was damaged on the way: run again',
  })
}

/** Removes what a put that failed has written. */
export async function discard(staged: Staged): Promise<void> {
  if (staged.temporary) await disk.unlink(staged.path).catch(() => undefined)
}

async function bring(body: PutBody, folder: string, temporaries: Temporaries, signal: AbortSignal | undefined): Promise<Staged> {
  if ('stream' in body) {
    refuseRead(body.stream)
    return written(body.stream, folder, temporaries, signal)
  }
  if ('bytes' in body) {
    const bytes = typeof body.bytes === 'string' ? Buffer.from(body.bytes) : body.bytes
    return { path: await temporaries.create(folder, bytes), crc32c: crcText(crc32c(bytes)), temporary: true }
  }
  const [file, target] = await Promise.all([lstat(body.file), lstat(folder)])
  if (!file.isFile()) throw new ConfigError(`not a finished file: ${body.file}`)
  if (file.dev !== target.dev) return { ...(await written(createReadStream(body.file), folder, temporaries, signal)), source: body.file }
  return { path: body.file, crc32c: await crcOfFile(body.file, signal), temporary: false }
}

async function written(stream: ByteStream, folder: string, temporaries: Temporaries, signal: AbortSignal | undefined): Promise<Staged> {
  let path: string | undefined
  let crc = 0
  try {
    // A stream that fails while the file is made would end the process.
    if (stream instanceof Readable) stream.on('error', ignore)
    path = await temporaries.create(folder)
    await disk.writeStream(
      path,
      stream,
      (chunk) => {
        crc = crc32c(chunk, crc)
      },
      signal,
    )
    return { path, crc32c: crcText(crc), temporary: true }
  } catch (error) {
    stream.destroy()
    if (path !== undefined) await disk.unlink(path).catch(() => undefined)
    if (signal?.aborted && isErrno(error, 'ABORT_ERR')) throw signal.reason
    throw error
  }
}

/** CRC32C of a file, 8 hex digits. */
export async function crcOfFile(path: string, signal?: AbortSignal): Promise<string> {
  return crcOfStream(fileChunks(path, signal))
}

/** CRC32C of a stream of bytes, 8 hex digits. */
export async function crcOfStream(stream: AsyncIterable<Uint8Array>): Promise<string> {
  let crc = 0
  for await (const chunk of stream) crc = crc32c(chunk, crc)
  return crcText(crc)
}
const ignore = () => undefined
