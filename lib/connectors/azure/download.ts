import { Readable } from 'node:stream'
import { crc32c } from '@node-rs/crc32'
import { crcText } from '../../core/checksums.ts'
import { NotFound, PermanentError, PreconditionFailed } from '../../core/errors.ts'
import { resumingRead } from '../resuming-read.ts'
import type { Client } from './client.ts'
import type { UrlOf } from './names.ts'
import { find, type Resource } from './resource.ts'

/** The bytes `[start, end)` of a blob as it is now: one version from the first byte to the last. */
export async function download(
  client: Client,
  urlOf: UrlOf,
  name: string,
  range: { readonly start: number; readonly end: number } | undefined,
): Promise<Readable> {
  const file = urlOf(name)
  for (;;) {
    const blob = await find(client, urlOf, name)
    if (!blob) throw new NotFound(`no object ${file}`, { file })
    try {
      return await readVersion(client, file, name, blob, range)
    } catch (error) {
      // Replaced or removed between the two requests: then there is another version, or nothing.
      if (!(error instanceof NotFound) && !(error instanceof PreconditionFailed)) throw error
    }
  }
}

/** The CRC32C of a blob that carries none: by reading it. Undefined when it has been replaced or removed meanwhile. */
export async function crcOf(client: Client, urlOf: UrlOf, name: string, blob: Resource): Promise<string | undefined> {
  try {
    let crc = 0
    for await (const chunk of await readVersion(client, urlOf(name), name, blob)) crc = crc32c(chunk, crc)
    return crcText(crc)
  } catch (error) {
    if (error instanceof NotFound || error instanceof PreconditionFailed) return undefined
    throw error
  }
}

async function readVersion(
  client: Client,
  file: string,
  name: string,
  blob: Resource,
  range?: { readonly start: number; readonly end: number },
): Promise<Readable> {
  const { bytes, crc32c, version, contentEncoding } = blob
  if (contentEncoding !== undefined && contentEncoding !== '')
    throw new PermanentError(`${file} is stored with content encoding ${contentEncoding}; expected none`, {
      file,
      hint: 'millrace wrote no such object: upload it again without Content-Encoding',
    })
  const start = range?.start ?? 0
  const end = Math.min(range?.end ?? bytes, bytes)
  if (end <= start) return Readable.from([])
  const open = (at: number) =>
    client.download({ what: `read ${file}`, file }, async ({ container, abortSignal }) => {
      const { readableStreamBody } = await container
        .getBlobClient(name)
        .download(at, end - at, { abortSignal, conditions: { ifMatch: version }, maxRetryRequests: 0 })
      return readableStreamBody ?? Readable.from([])
    })
  return resumingRead({ file, start, end, bytes, crc32c, endpoint: 'endpoint', open, retry: client.retry })
}
