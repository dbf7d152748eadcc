import type { Client, QueryArrayResult } from 'pg'
import { CheckError, TransientError } from '../../core/errors.ts'
import { columnsOf, type Field, type PostgresColumn } from './columns.ts'
import { type TextOrder, textOrderOf } from './cursor-order.ts'
import { valuesOf } from './values.ts'

/** What is known of a relation before it is read. */
export interface Described {
  readonly columns: readonly PostgresColumn[]
  /** 8 KiB pages of an ordinary table without children that the server can scan by ranges of them; 0 of anything else. */
  readonly pages: number
  /** An ordinary table of 1 MiB at most: to reach it takes longer than to read it. */
  readonly small: boolean
  /** Of the cursor's column, where it is a text. */
  readonly cursorOrder?: TextOrder
}

/** What is to be described. */
export interface Describable {
  /** `FROM … AS q` */
  readonly from: string
  /** The quoted name of a table; absent: a query. */
  readonly table?: string
  /** The cursor's column. */
  readonly cursor?: string
  /** What is being done, for errors. */
  readonly doing: string
}

/** Describes relations by as many questions as one takes. A session's transaction holds their locks then. @throws the driver's error; CheckError for one without columns, TransientError for one that was rewritten since the snapshot */
export async function describeAll(client: Client, asked: readonly Describable[]): Promise<readonly Described[]> {
  const text = asked.map(({ from }) => `SELECT * ${from} LIMIT 0`).join(';\n')
  const given = (await client.query({ text, rowMode: 'array' })) as QueryArrayResult | QueryArrayResult[]
  const fields = [given].flat().map((each) => each.fields as readonly Field[])
  for (const [i, { doing }] of asked.entries()) if (!fields[i]?.length) throw new CheckError(`${doing} failed: it has no columns`)
  await refuseRewritten(client, asked[0]?.doing ?? '')
  const columns = await columnsOf(fields, client)
  const sizes = await sizesOf(client, asked)
  const orders: (TextOrder | undefined)[] = []
  for (const [i, { from, cursor }] of asked.entries())
    if (cursor !== undefined)
      orders[i] = await textOrderOf(
        client,
        from,
        columns[i]?.find(({ name }) => name === cursor),
      )
  return asked.map((_, i) => ({ columns: columns[i] ?? [], ...(sizes[i] ?? NO_TABLE), ...(orders[i] && { cursorOrder: orders[i] }) }))
}

/** Relations that the session has locked, and that are not the ones of its snapshot: made or rewritten between snapshot and lock, they would show no rows. */
const REWRITTEN = `
  SELECT l.relation::regclass::text FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_class c ON c.oid = l.relation
  WHERE l.pid = pg_backend_pid() AND l.locktype = 'relation' AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
    AND pg_relation_filenode(l.relation) IS NOT NULL AND pg_get_indexdef(l.relation) IS NULL
    AND (c.oid IS NULL OR (c.relkind IN ('r', 'm') AND c.relfilenode <> 0 AND c.relfilenode <> pg_relation_filenode(l.relation)))
  LIMIT 1`

async function refuseRewritten(client: Client, doing: string): Promise<void> {
  const [found] = await valuesOf(client, REWRITTEN)
  if (found)
    throw new TransientError(`${doing} failed: ${found[0]} was made or rewritten after this run's snapshot was taken`, {
      hint: 'run again: the next run reads it as it is then',
    })
}

const NO_TABLE = { pages: 0, small: false } as const

const SIZES = `
  SELECT w.i, CASE WHEN current_setting('server_version_num')::int >= 140000 THEN pg_relation_size(c.oid) / current_setting('block_size')::int ELSE 0 END,
    pg_table_size(c.oid) <= 1048576
  FROM unnest($1::text[]) WITH ORDINALITY AS w(name, i)
  JOIN pg_catalog.pg_class c ON c.oid = to_regclass(w.name) AND c.relkind IN ('r', 'm') AND NOT c.relhassubclass`

type Size = Pick<Described, 'pages' | 'small'>

async function sizesOf(client: Client, asked: readonly Describable[]): Promise<readonly (Size | undefined)[]> {
  if (!asked.some(({ table }) => table !== undefined)) return []
  const sizes: Size[] = []
  for (const [i, pages, small] of await valuesOf(client, SIZES, [asked.map(({ table }) => table ?? null)]))
    sizes[Number(i) - 1] = { pages: Number(pages), small: small === 't' }
  return sizes
}

/** Whether a described relation is still what it was. */
export function sameColumns(one: readonly PostgresColumn[], other: readonly PostgresColumn[]): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}
