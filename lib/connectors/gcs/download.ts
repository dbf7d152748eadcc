import { Readable } from 'node:stream'
import { crc32c } from '@node-rs/crc32'
import { crcText } from '../../core/checksums.ts'
import { NotFound, PermanentError, TransientError } from '../../core/errors.ts'
import type { Client } from './client.ts'
import { type Bucket, find, type Resource } from './resource.ts'

/**
 * The bytes `[start, end)` of an object as it is now: one generation from the first byte to the last. A connection that breaks off or stalls is taken up again where it ended; the stream ends only when every
 * byte has come and, for a whole object, the CRC32C is that of the head.
 */
export async function download(
  client: Client,
  bucket: Bucket,
  name: string,
  range: { readonly start: number; readonly end: number } | undefined,
): Promise<Readable> {
  const file = bucket.urlOf(name)
  for (;;) {
    const object = await find(client, bucket, name)
    if (!object) throw new NotFound(`no object ${file}`, { file })
    if (object.contentEncoding !== undefined)
      throw new PermanentError(`${file} is stored with content encoding ${object.contentEncoding}; expected none`, {
        file,
        hint: 'millrace wrote no such object: upload it again without Content-Encoding',
      })
    const start = range?.start ?? 0
    const end = Math.min(range?.end ?? object.bytes, object.bytes)
    if (end <= start) return Readable.from([])
    const body = bytesOf(client, bucket, name, object, start, end)
    try {
      // The first bytes are asked for now, so that what cannot be read fails here.
      const first = await body.next()
      return Readable.from(withFirst(first, body), { objectMode: false, highWaterMark: 2 ** 20 })
    } catch (error) {
      // Replaced between the two requests: its generation is gone. Then there is another one, or nothing.
      if (!(error instanceof NotFound)) throw error
    }
  }
}

async function* bytesOf(
  client: Client,
  bucket: Bucket,
  name: string,
  object: Resource,
  start: number,
  end: number,
): AsyncGenerator<Uint8Array> {
  const file = bucket.urlOf(name)
  const doing = { what: `read ${file}`, file }
  let at = start
  let crc = 0
  let body: AsyncIterator<Uint8Array> | undefined
  try {
    while (at < end) {
      const chunk = await next().catch((error: unknown) => {
        if (error instanceof TransientError) return client.retry(next)
        throw error
      })
      if (at + chunk.length > end)
        throw new PermanentError(`${file} gave more than the ${end - start} bytes that were asked for`, {
          file,
          hint: 'check `apiEndpoint`',
        })
      crc = crc32c(chunk, crc)
      at += chunk.length
      yield chunk
    }
  } finally {
    await body?.return?.()
  }
  const found = crcText(crc)
  if (start === 0 && end === object.bytes && found !== object.crc32c)
    throw new TransientError(`${file} was read with crc32c ${found}, not ${object.crc32c} as it is stored`, {
      file,
      hint: 'it was damaged on the way: run again',
    })

  async function next(): Promise<Uint8Array> {
    try {
      body ??= (await client.download(requestOf(at)))[Symbol.asyncIterator]()
      const { value, done } = await body.next()
      if (!done) return value
      throw new TransientError(`cannot ${doing.what}: it ended after ${at - start} of ${end - start} bytes`, { file, hint: 'run again' })
    } catch (error) {
      body = undefined
      throw error
    }
  }

  function requestOf(from: number) {
    const whole = from === 0 && end === object.bytes
    return {
      method: 'GET',
      url: bucket.pathOf(name),
      query: { alt: 'media', generation: object.version, ifGenerationMatch: object.version },
      headers: whole ? {} : { Range: `bytes=${from}-${end - 1}` },
      doing,
    } as const
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
