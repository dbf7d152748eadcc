import { NotFound, PermanentError } from '../../core/errors.ts'
import type { Client } from './client.ts'
import { readMetadata } from './metadata.ts'
import type { UrlOf } from './names.ts'

/** A blob as Azure describes it: what of it a store uses. */
export interface Resource {
  /** Its ETag. */
  readonly version: string
  readonly bytes: number
  /** As its metadata say; undefined for a blob that millrace did not write. */
  readonly crc32c: string | undefined
  readonly metadata: Readonly<Record<string, string>>
  readonly contentType: string | undefined
  readonly contentEncoding: string | undefined
}

/** What is at a name now; undefined when there is nothing. */
export async function find(client: Client, urlOf: UrlOf, name: string, signal?: AbortSignal): Promise<Resource | undefined> {
  const file = urlOf(name)
  const doing = { what: `look at ${file}`, file }
  try {
    return await client.retry(
      () =>
        client.call(
          doing,
          async ({ container, abortSignal }) => {
            const {
              etag,
              contentLength,
              metadata = {},
              contentType,
              contentEncoding,
            } = await container.getBlobClient(name).getProperties({ abortSignal })
            const bytes = contentLength ?? -1
            return { version: etagOf(etag, file), bytes, ...readMetadata(metadata, bytes), contentType, contentEncoding }
          },
          signal,
        ),
      signal,
    )
  } catch (error) {
    if (error instanceof NotFound) return undefined
    throw error
  }
}

const ETAG = /^"[\x21\x23-\x7e]+"$/

/** Whether a text is the version of a blob. What is none must not become a precondition: `*` would be any version. */
export const isVersion = (text: string): boolean => ETAG.test(text)

/** The version in an answer. @throws PermanentError when there is none: something else answers for Azure */
export function etagOf(etag: string | undefined, file: string): string {
  if (etag !== undefined && isVersion(etag)) return etag
  throw new PermanentError(`what answered for ${file} did not describe a blob`, {
    file,
    hint: 'check `endpoint`, and whether a proxy answers in its place',
  })
}
