import { NotFound, PermanentError } from '../../core/errors.ts'
import type { ObjectInfo } from '../store.ts'
import type { Client } from './client.ts'

/** The fields of an object that are asked for. */
export const FIELDS = 'name,generation,size,crc32c,metadata,contentType,contentEncoding'

/** An object as the JSON API describes it: what of it a store uses. */
export interface Resource extends Omit<ObjectInfo, 'key'> {
  readonly contentType: string | undefined
  readonly contentEncoding: string | undefined
}

/** Where the objects of a store are. */
export interface Bucket {
  readonly name: string
  /** `gs://bucket/name`, for errors. */
  urlOf(name: string): string
  /** The path of an object's resource. */
  pathOf(name: string): string
}

export function bucketOf(name: string): Bucket {
  return {
    name,
    urlOf: (object) => `gs://${name}/${object}`,
    pathOf: (object) => `/storage/v1/b/${encodeURIComponent(name)}/o/${encodeURIComponent(object)}`,
  }
}

/** The resource in an answer. @throws PermanentError when it is none: something else answers for Cloud Storage */
export function resourceOf(body: unknown, file: string): Resource {
  const { generation, size, crc32c, metadata, contentType, contentEncoding } = (body ?? {}) as Record<string, unknown>
  if (generation === undefined || size === undefined || typeof crc32c !== 'string')
    throw new PermanentError(`what answered for ${file} did not describe an object`, {
      file,
      hint: 'check `apiEndpoint`, and whether a proxy answers in its place',
    })
  return {
    version: String(generation),
    bytes: Number(size),
    crc32c: Buffer.from(crc32c, 'base64').toString('hex'),
    metadata: (metadata ?? {}) as Record<string, string>,
    contentType: typeof contentType === 'string' && contentType !== '' ? contentType : undefined,
    contentEncoding: typeof contentEncoding === 'string' && contentEncoding !== '' ? contentEncoding : undefined,
  }
}

/** A checksum as Cloud Storage writes it. */
export const base64Of = (crc32c: string): string => Buffer.from(crc32c, 'hex').toString('base64')

/** What is at a name now; undefined when there is nothing. */
export async function find(client: Client, bucket: Bucket, name: string, signal?: AbortSignal): Promise<Resource | undefined> {
  const file = bucket.urlOf(name)
  const doing = { what: `look at ${file}`, file }
  try {
    return await client.retry(
      async () =>
        resourceOf((await client.send({ method: 'GET', url: bucket.pathOf(name), query: { fields: FIELDS }, doing, signal })).body, file),
      signal,
    )
  } catch (error) {
    if (error instanceof NotFound) return undefined
    throw error
  }
}
