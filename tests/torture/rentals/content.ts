import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type pg from 'pg'
import type { Store } from '../../../lib/connectors/store.ts'
import { messageOf } from '../../../lib/core/errors.ts'
import { quoteIdentifier } from '../../../lib/core/quote.ts'
import { openDuckDB } from '../../../lib/engines/duckdb.ts'
import { schema } from '../../../pipelines/rentals/schema.ts'
import { type Content, type Landed, readExports, readLanding } from '../content.ts'

const RENTALS: Landed = {
  pipeline: 'rentals',
  cursors: [
    { dataset: 'customer', columns: schema.customer, key: ['customer_id'], cursor: 'last_update' },
    { dataset: 'film', columns: schema.film, key: ['film_id'], cursor: 'last_update' },
  ],
}

/** Where the three zones are. */
export interface Zones {
  readonly landing: Store
  readonly store: Store
  readonly warehouse: () => Promise<pg.Client>
}

/** What landing, warehouse and bucket hold, as the texts of `Content`. */
export async function contentIn({ landing, store, warehouse }: Zones): Promise<Content> {
  const content = new Map<string, string>()
  const temp = mkdtempSync(join(tmpdir(), 'millrace-look-'))
  const db = await openDuckDB({ memoryBytes: 2 ** 28, threads: 1, temp: join(temp, 'spill') })
  try {
    await readLanding(landing, RENTALS, { temp, db }, content)
    const client = await warehouse()
    try {
      await readWarehouse(client, content)
    } finally {
      await client.end()
    }
    await readExports(store, content)
  } finally {
    db.close()
    rmSync(temp, { recursive: true, force: true })
  }
  return content
}

/** Each table's rows by `_partition`, with the token that was committed with them, as one transaction sees them. */
export async function readWarehouse(client: pg.Client, content: Map<string, string>): Promise<void> {
  const ask = async (text: string): Promise<readonly (string | null)[][]> =>
    (await client.query({ text, rowMode: 'array', types: { getTypeParser: () => (value: string) => value } })).rows
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
  try {
    const tables = (
      await ask("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY 1")
    ).flat()
    const parts = new Map<string, string>()
    if (tables.includes('_millrace_tokens'))
      for (const [table, partition, key, loads] of await ask('SELECT "table", "partition", input_key, loads FROM _millrace_tokens'))
        parts.set(`${table} ${partition}`, `token ${key} ${loads}`)
    for (const table of tables.filter((each) => each !== '_millrace_tokens')) {
      const name = quoteIdentifier(table ?? '')
      const columns = await ask(`SELECT attname || ' ' || format_type(atttypid, atttypmod) FROM pg_attribute
        WHERE attrelid = 'public.${name}'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum`)
      content.set(`warehouse ${table} columns`, columns.flat().join(', '))
      const rows = await ask(`SELECT _partition, count(*) || ' rows ' || md5(string_agg(t::text, chr(10) ORDER BY t::text COLLATE "C"))
        FROM public.${name} AS t GROUP BY _partition`)
      for (const [part, text] of rows) parts.set(`${table} ${part}`, `${text} ${parts.get(`${table} ${part}`) ?? 'without a token'}`)
    }
    for (const [name, text] of parts) content.set(`warehouse ${name.trimEnd()}`, text)
  } catch (error) {
    content.set('fault warehouse', messageOf(error))
  } finally {
    await client.query('ROLLBACK')
  }
}
