import type { Client } from './client.ts'
import type { Bucket } from './names.ts'

/** Names that begin with `prefix`, ascending by their UTF-8 bytes, page by page. Uploads that are not complete are no objects. */
export async function* listNames(client: Client, bucket: Bucket, prefix: string): AsyncIterable<string> {
  const file = bucket.urlOf(prefix)
  const doing = { what: `list ${file}`, file }
  let token: string | undefined
  do {
    // XML knows no control characters, so names come encoded where the server can do that.
    const input = {
      Bucket: bucket.name,
      Prefix: prefix,
      EncodingType: 'url',
      ...(token !== undefined && { ContinuationToken: token }),
    } as const
    const page = await client.retry(() => client.call(doing, (calls, options) => calls.listObjectsV2(input, options)))
    for (const { Key } of page.Contents ?? [])
      if (Key !== undefined) yield page.EncodingType === 'url' ? decodeURIComponent(Key.replaceAll('+', ' ')) : Key
    token = page.IsTruncated ? page.NextContinuationToken : undefined
  } while (token !== undefined)
}
