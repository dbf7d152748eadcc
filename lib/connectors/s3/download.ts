import { Readable } from 'node:stream'
import { crc32c } from '@node-rs/crc32'
import { crcText } from '../../core/checksums.ts'
import { NotFound, PermanentError, PreconditionFailed } from '../../core/errors.ts'
import { resumingRead } from '../resuming-read.ts'
import type { Client } from './client.ts'
import type { Bucket } from './names.ts'
import { find, type Resource } from './objects.ts'

/** The bytes `[start, end)` of an object as it is now: one content from the first byte to the last. One that is replaced meanwhile ends the stream with PreconditionFailed. */
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
    const start = range?.start ?? 0
    const end = Math.min(range?.end ?? object.bytes, object.bytes)
    if (end <= start) return Readable.from([])
    try {
      return await readObject(client, bucket, name, object, start, end)
    } catch (error) {
      // Replaced between the two requests: then there is another one, or nothing.
      if (!(error instanceof PreconditionFailed)) throw error
    }
  }
}

/** The CRC32C of an object, which is read where S3 has none: a foreign one. */
export async function crc32cOf(client: Client, bucket: Bucket, name: string, object: Resource): Promise<string> {
  if (object.crc32c !== undefined) return object.crc32c
  let crc = 0
  if (object.bytes > 0)
    for await (const chunk of await readObject(client, bucket, name, object, 0, object.bytes)) crc = crc32c(chunk as Uint8Array, crc)
  return crcText(crc)
}

function readObject(client: Client, bucket: Bucket, name: string, object: Resource, start: number, end: number): Promise<Readable> {
  const file = bucket.urlOf(name)
  const doing = { what: `read ${file}`, file }
  const { bytes, etag } = object
  async function open(at: number, whole: boolean): Promise<AsyncIterable<Uint8Array>> {
    const input = { Bucket: bucket.name, Key: name, IfMatch: `"${etag}"`, ...(!whole && { Range: `bytes=${at}-${end - 1}` }) }
    try {
      const { Body, ContentRange } = await client.call(doing, (calls, options) => calls.getObject(input, options))
      if (!(Body instanceof Readable)) throw new Error('an answer without a body')
      if (whole || ContentRange?.startsWith(`bytes ${at}-`)) return client.chunks(doing, Body)
      Body.destroy()
    } catch (error) {
      if (error instanceof PreconditionFailed || error instanceof NotFound)
        throw new PreconditionFailed(`${file} was replaced while it was read`, { file, hint: 'run again' })
      throw error
    }
    throw new PermanentError(`${file} was asked for from byte ${at} on, and came otherwise`, { file, hint: 'check `endpoint`' })
  }
  return resumingRead({ file, start, end, bytes, crc32c: object.crc32c, endpoint: 'endpoint', open, retry: client.retry })
}
