import { ConfigError, NotFound, PermanentError } from '../../core/errors.ts'
import type { ObjectInfo } from '../store.ts'
import type { Client } from './client.ts'
import type { Doing } from './faults.ts'
import { askBucket } from './listing.ts'
import { withoutWrite } from './metadata.ts'
import type { Bucket } from './names.ts'

/** An object as its head describes it: what of it a store uses. */
export interface Resource extends Omit<ObjectInfo, 'key' | 'crc32c'> {
  /** What S3 compares under `If-Match`: it follows from the content, and is the same for the same content written again. */
  readonly etag: string
  /** Undefined where S3 has no CRC32C of the whole: a foreign object, or a server that keeps none. */
  readonly crc32c: string | undefined
  /** The mark of the write; undefined for a foreign object. */
  readonly write: string | undefined
  readonly contentType: string | undefined
}

/** What an answer says of an object. */
export interface Described {
  readonly ETag?: string | undefined
  readonly ContentLength?: number | undefined
  readonly ContentType?: string | undefined
  readonly LastModified?: Date | undefined
  readonly Metadata?: Record<string, string> | undefined
  readonly ChecksumCRC32C?: string | undefined
  readonly ChecksumType?: string | undefined
}

/** A version: the ETag, and the mark of the write (of a foreign object the time), since contents may come again. */
export const versionOf = (etag: string, mark: string): string => `${etag}/${mark}`

/** @throws PermanentError when an answer describes no object: something else answers for S3 */
export function resourceOf(answer: Described, file: string): Resource {
  const { ETag, ContentLength, ContentType, LastModified, Metadata = {} } = answer
  if (ETag === undefined || ContentLength === undefined)
    throw new PermanentError(`what answered for ${file} did not describe an object`, {
      file,
      hint: 'check `endpoint`, and whether a proxy answers in its place',
    })
  const etag = ETag.replace(/^"|"$/g, '')
  const { metadata, write } = withoutWrite(Metadata)
  return {
    etag,
    version: versionOf(etag, write ?? String(LastModified?.getTime())),
    bytes: ContentLength,
    crc32c: crcOf(answer),
    metadata,
    write,
    contentType: ContentType,
  }
}

/** The CRC32C in an answer as 8 hex digits, where it is one of the whole content. */
export function crcOf({ ChecksumCRC32C, ChecksumType }: Described): string | undefined {
  if (ChecksumCRC32C === undefined || ChecksumCRC32C.includes('-') || ChecksumType === 'COMPOSITE') return undefined
  return Buffer.from(ChecksumCRC32C, 'base64').toString('hex')
}

/** A checksum as S3 writes it. */
export const base64Of = (crc32c: string): string => Buffer.from(crc32c, 'hex').toString('base64')

/** What is at a name now; undefined when there is nothing. */
export async function find(client: Client, bucket: Bucket, name: string, signal?: AbortSignal): Promise<Resource | undefined> {
  const file = bucket.urlOf(name)
  const doing = { what: `look at ${file}`, file }
  const input = { Bucket: bucket.name, Key: name, ChecksumMode: 'ENABLED' } as const
  return client.retry(async () => {
    try {
      return resourceOf(await client.call(doing, (calls, options) => calls.headObject(input, options), signal), file)
    } catch (error) {
      // The answer to a HEAD has no words: a wrong key looks like a missing right, and a missing bucket like a missing object.
      if (error instanceof NotFound) await bucketIsThere(client, bucket, doing, signal)
      else if (error instanceof ConfigError || error instanceof PermanentError) await askBucket(client, bucket, doing, signal)
      if (error instanceof NotFound) return undefined
      throw error
    }
  }, signal)
}

const seen = new WeakSet<Client>()

async function bucketIsThere(client: Client, bucket: Bucket, doing: Doing, signal: AbortSignal | undefined): Promise<void> {
  if (seen.has(client)) return
  await askBucket(client, bucket, doing, signal)
  seen.add(client)
}
