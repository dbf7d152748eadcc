import { Readable } from 'node:stream'
import { crc32c } from '@node-rs/crc32'
import { crcText } from '../core/checksums.ts'
import { DamagedError, PermanentError, TransientError } from '../core/errors.ts'

/** A read of one version of an object in a store over the network. */
export interface Reading {
  /** The object's address, for errors. */
  readonly file: string
  /** The range `[start, end)` that is read, of an object of so many bytes; not empty. */
  readonly start: number
  readonly end: number
  readonly bytes: number
  /** CRC32C of the whole object, where it is known: what a read of all of it must have. */
  readonly crc32c: string | undefined
  /** The store's setting that names its server, for hints. */
  readonly endpoint: string
  /** One request for `[at, end)` of that version; `whole` where that is all of it. Throws TransientError when it breaks off or stalls. */
  open(at: number, whole: boolean): Promise<AsyncIterable<Uint8Array>>
  /** The store's way to repeat a request. */
  retry<T>(work: () => Promise<T>): Promise<T>
}

/**
 * The bytes of a read. A connection that breaks off or stalls is taken up again where it ended; the stream ends only when every byte has come and, for a whole object, the CRC32C is the expected one. The first
 * bytes are asked for at once, so that what cannot be read rejects here.
 */
export async function resumingRead(reading: Reading): Promise<Readable> {
  const body = bytesOf(reading)
  const first = await body.next()
  return Readable.from(withFirst(first, body), { objectMode: false, highWaterMark: 2 ** 20 })
}

async function* bytesOf({ file, start, end, bytes, crc32c: expected, endpoint, open, retry }: Reading): AsyncGenerator<Uint8Array> {
  let at = start
  let crc = 0
  let body: AsyncIterator<Uint8Array> | undefined
  try {
    while (at < end) {
      const chunk = await next().catch((error: unknown) => {
        if (error instanceof TransientError) return retry(next)
        throw error
      })
      if (at + chunk.length > end)
        throw new PermanentError(`${file} gave more than the ${end - start} bytes that were asked for`, {
          file,
          hint: `check \`${endpoint}\``,
        })
      crc = crc32c(chunk, crc)
      at += chunk.length
      yield chunk
    }
  } finally {
    await body?.return?.()
  }
  const found = crcText(crc)
  if (start === 0 && end === bytes && expected !== undefined && found !== expected)
    throw new DamagedError(`${file} was read with crc32c ${found}, not ${expected} as it is stored`, {
      file,
      hint: 'it was damaged on the way: run again',
    })

  async function next(): Promise<Uint8Array> {
    try {
      body ??= (await open(at, at === 0 && end === bytes))[Symbol.asyncIterator]()
      const { value, done } = await body.next()
      if (!done) return value
      throw new TransientError(`cannot read ${file}: it ended after ${at - start} of ${end - start} bytes`, { file, hint: 'run again' })
    } catch (error) {
      body = undefined
      throw error
    }
  }
}

async function* withFirst(first: IteratorResult<Uint8Array>, rest: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    if (first.done) return
    yield first.value
    yield* rest
  } finally {
    await rest.return(undefined)
  }
}
