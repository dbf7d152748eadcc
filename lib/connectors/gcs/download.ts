import { Readable } from 'node:stream'
import { NotFound, PermanentError } from '../../core/errors.ts'
import { resumingRead } from '../resuming-read.ts'
import type { Client } from './client.ts'
import { type Bucket, find } from './resource.ts'

/** The bytes `[start, end)` of an object as it is now: one generation from the first byte to the last. */
export async function download(
  client: Client,
  bucket: Bucket,
  name: string,
  range: { readonly start: number; readonly end: number } | undefined,
): Promise<Readable> {
  const file = bucket.urlOf(name)
  const doing = { what: `read ${file}`, file }
  for (;;) {
    const object = await find(client, bucket, name)
    if (!object) throw new NotFound(`no object ${file}`, { file })
    if (object.contentEncoding !== undefined)
      throw new PermanentError(`${file} is stored with content encoding ${object.contentEncoding}; expected none`, {
        file,
        hint: 'millrace wrote no such object: upload it again without Content-Encoding',
      })
    const { bytes, crc32c, version } = object
    const start = range?.start ?? 0
    const end = Math.min(range?.end ?? bytes, bytes)
    if (end <= start) return Readable.from([])
    const open = (at: number, whole: boolean) =>
      client.download({
        method: 'GET',
        url: bucket.pathOf(name),
        query: { alt: 'media', generation: version, ifGenerationMatch: version },
        headers: whole ? {} : { Range: `bytes=${at}-${end - 1}` },
        doing,
      })
    try {
      return await resumingRead({ file, start, end, bytes, crc32c, endpoint: 'apiEndpoint', open, retry: client.retry })
    } catch (error) {
      // Replaced between the two requests: its generation is gone. Then there is another one, or nothing.
      if (!(error instanceof NotFound)) throw error
    }
  }
}
