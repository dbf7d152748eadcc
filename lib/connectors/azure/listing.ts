import { PermanentError } from '../../core/errors.ts'
import type { Client } from './client.ts'
import type { UrlOf } from './names.ts'

const PAGE = 5000

/** Names that begin with `prefix`, ascending, page by page. What was sent and never finished is none. */
export async function* listNames(client: Client, urlOf: UrlOf, prefix: string, pageSize = PAGE): AsyncIterable<string> {
  const file = urlOf(prefix)
  const doing = { what: `list ${file}`, file }
  let continuationToken: string | undefined
  do {
    const page = await client.retry(() =>
      client.call(doing, async ({ container, abortSignal }) => {
        const pages = container
          .listBlobsFlat({ prefix, abortSignal })
          .byPage({ maxPageSize: pageSize, ...(continuationToken !== undefined && { continuationToken }) })
        const { value } = await pages.next()
        if (!value?.segment)
          throw new PermanentError(`what answered for ${file} listed no blobs`, {
            file,
            hint: 'check `endpoint`, and whether a proxy answers in its place',
          })
        const items: readonly { readonly name: string }[] = value.segment.blobItems
        return { names: items.map(({ name }) => name), next: value.continuationToken as string | undefined }
      }),
    )
    yield* page.names
    continuationToken = page.next
  } while (continuationToken)
}
