import type { Client } from './client.ts'
import type { UrlOf } from './resource.ts'

const PAGE = 5000

/** Names that begin with `prefix`, ascending, page by page. What was sent and never finished is none. */
export async function* listNames(client: Client, urlOf: UrlOf, prefix: string): AsyncIterable<string> {
  const file = urlOf(prefix)
  const doing = { what: `list ${file}`, file }
  let continuationToken: string | undefined
  do {
    const page = await client.retry(() =>
      client.call(doing, async ({ container, abortSignal }) => {
        const pages = container
          .listBlobsFlat({ prefix, abortSignal })
          .byPage({ maxPageSize: PAGE, ...(continuationToken !== undefined && { continuationToken }) })
        const { value } = await pages.next()
        return { names: value.segment.blobItems.map(({ name }: { name: string }) => name) as string[], next: value.continuationToken }
      }),
    )
    yield* page.names
    continuationToken = page.next
  } while (continuationToken)
}
