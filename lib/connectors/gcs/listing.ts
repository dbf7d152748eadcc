import type { Client } from './client.ts'
import type { Bucket } from './resource.ts'

const PAGE = 1000
const DAY_MS = 86_400_000

/** Names that begin with `prefix`, ascending by their UTF-8 bytes, page by page. */
export async function* listNames(client: Client, bucket: Bucket, prefix: string): AsyncIterable<string> {
  for await (const { name } of items(client, bucket, prefix, 'name')) yield name
}

/** A temporary that nobody will finish. */
export interface DeadTemporary {
  readonly name: string
  readonly version: string
  readonly metadata: Readonly<Record<string, string>>
}

/**
 * Temporaries that are a day old by the clocks of the bucket and of this machine. A stream's copy follows its upload at once; where its process was paused for a day in between, it finds its temporary gone when it
 * wakes, and its put fails without having written anything.
 */
export async function* deadTemporaries(client: Client, bucket: Bucket, prefix: string): AsyncIterable<DeadTemporary> {
  for await (const item of items(client, bucket, prefix, 'name,generation,metadata,timeCreated')) {
    const age = client.clock.now().getTime() - Date.parse(item.timeCreated ?? '')
    if (age > DAY_MS) yield { name: item.name, version: String(item.generation), metadata: item.metadata ?? {} }
  }
}

interface Item {
  readonly name: string
  readonly generation?: string
  readonly metadata?: Readonly<Record<string, string>>
  readonly timeCreated?: string
}

async function* items(client: Client, bucket: Bucket, prefix: string, fields: string): AsyncIterable<Item> {
  const file = bucket.urlOf(prefix)
  const doing = { what: `list ${file}`, file }
  let pageToken: string | undefined
  do {
    const query = { prefix, maxResults: String(PAGE), pageToken, fields: `items(${fields}),nextPageToken` }
    const { body } = await client.retry(() => client.send({ method: 'GET', url: bucket.pathOf('').slice(0, -1), query, doing }))
    const page = body as { items?: readonly Item[]; nextPageToken?: string }
    yield* page.items ?? []
    pageToken = page.nextPageToken
  } while (pageToken)
}
