import { NotFound, PermanentError } from '../../core/errors.ts'
import type { Client } from './client.ts'
import type { Doing } from './faults.ts'
import type { Bucket } from './names.ts'

/** A part of a listing. */
interface Page {
  readonly names: readonly string[]
  /** Where the next one begins. */
  readonly token: string | undefined
}

/** Names that begin with `prefix`, ascending by their UTF-8 bytes, page by page. Uploads that are not complete are no objects. */
export async function* listNames(client: Client, bucket: Bucket, prefix: string): AsyncIterable<string> {
  const file = bucket.urlOf(prefix)
  const doing = { what: `list ${file}`, file }
  let token: string | undefined
  do {
    const from = token
    const page = await client.retry(() =>
      pageOf(client, bucket, doing, { Prefix: prefix, ...(from !== undefined && { ContinuationToken: from }) }),
    )
    yield* page.names
    token = page.token
  } while (token !== undefined)
}

/** The smallest request whose answer says in words what is wrong. One try. */
export async function askBucket(client: Client, bucket: Bucket, doing: Doing, signal?: AbortSignal): Promise<void> {
  await pageOf(client, bucket, doing, { Prefix: bucket.prefix, MaxKeys: 1 }, signal)
}

/** One page. @throws PermanentError when what answers is no bucket: a page of something else must not look like an empty one */
async function pageOf(
  client: Client,
  bucket: Bucket,
  doing: Doing,
  asked: { readonly Prefix: string; readonly MaxKeys?: number; readonly ContinuationToken?: string },
  signal?: AbortSignal,
): Promise<Page> {
  // XML knows no control characters, so names come encoded where the server can do that.
  const input = { Bucket: bucket.name, EncodingType: 'url', ...asked } as const
  const page = await client
    .call(doing, (calls, options) => calls.listObjectsV2(input, options), signal)
    .catch((error: unknown) => {
      if (error instanceof NotFound) return undefined
      throw error
    })
  if (page?.IsTruncated === undefined)
    throw new PermanentError(`cannot ${doing.what}: what answered is no bucket of S3`, {
      file: doing.file,
      hint: 'check `endpoint` and `forcePathStyle`, and whether a proxy answers in its place',
    })
  const decoded = (key: string) => (page.EncodingType === 'url' ? decodeURIComponent(key.replaceAll('+', ' ')) : key)
  const names = (page.Contents ?? []).flatMap(({ Key }) => (Key === undefined ? [] : [decoded(Key)]))
  return { names, token: page.IsTruncated ? page.NextContinuationToken : undefined }
}
