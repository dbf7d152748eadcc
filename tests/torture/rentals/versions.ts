import type pg from 'pg'
import type { Store } from '../../../lib/connectors/store.ts'
import type { Content } from '../content.ts'

/**
 * Which write each commit point stands from: the generation of every `latest.json` and plain copy, the transaction of every token. They tell a commit point that was written from one that was left alone, where what it says is the same
 * before and after: something that was taken back for a moment, and mended.
 */
export async function versionsIn(store: Store, client: pg.Client): Promise<Content> {
  const versions = new Map<string, string>()
  try {
    for await (const key of store.list(''))
      if (/\/(latest\.json|\d{4}-\d\d\.csv)$/.test(key)) versions.set(key, `version ${(await store.head(key))?.version}`)
    const tokens = await client.query<{ name: string; version: string }>(
      'SELECT "table" || \' \' || "partition" AS name, xmin::text AS version FROM _millrace_tokens',
    )
    for (const { name, version } of tokens.rows) versions.set(`token of ${name}`.trimEnd(), `transaction ${version}`)
  } finally {
    await Promise.all([store.close(), client.end()])
  }
  return versions
}
