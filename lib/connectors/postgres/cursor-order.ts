import type { Client } from 'pg'
import { ConfigError } from '../../core/errors.ts'
import { quoteIdentifier } from '../../core/quote.ts'
import { type PostgresColumn, typeOfColumn } from './columns.ts'
import { valuesOf } from './values.ts'

/** How the server orders the texts of a cursor's column. */
export interface TextOrder {
  readonly collation: string
  /** By their bytes, as DuckDB does. */
  readonly bytes: boolean
}

const TEXTS: readonly string[] = ['text', 'varchar', 'bpchar', 'name']

/** Asks for the order of a column of `FROM … AS q`; undefined where it is no text, and where nothing orders it. */
export async function textOrderOf(client: Client, from: string, column: PostgresColumn | undefined): Promise<TextOrder | undefined> {
  if (!column || column.array || !TEXTS.includes(column.base)) return undefined
  // The subquery gives no row, but its column's collation. Of databases before 15 libc is the only provider.
  const [found] = await valuesOf(
    client,
    `SELECT c.collname, of.provider = 'b' OR (of.provider = 'c' AND of.locale IN ('C', 'POSIX'))
     FROM pg_catalog.pg_collation c JOIN pg_catalog.pg_database d ON d.datname = current_database(),
       LATERAL (SELECT CASE c.collprovider WHEN 'd' THEN coalesce(to_jsonb(d) ->> 'datlocprovider', 'c') ELSE c.collprovider::text END AS provider,
         CASE c.collprovider WHEN 'd' THEN d.datcollate ELSE c.collcollate END AS locale) AS of
     WHERE c.oid = pg_catalog.pg_collation_for((SELECT q.${quoteIdentifier(column.name)} ${from} LIMIT 0))::pg_catalog.regcollation`,
  )
  return found && { collation: found[0] ?? '', bytes: found[1] === 't' }
}

/**
 * What lands as text is compared by its bytes, and the highest is the cursor's last value. Where the server orders the column otherwise (9 before 10), rows that are newer to it would be passed over for ever.
 * @param declared the type that the column lands as
 * @throws ConfigError
 */
export function refuseOtherOrder(
  column: PostgresColumn | undefined,
  order: TextOrder | undefined,
  what: string,
  declared = column && typeOfColumn(column),
): void {
  if (!column || declared !== 'text' || order?.bytes) return
  const type = order === undefined ? column.text : `${column.text} under the collation "${order.collation}"`
  throw new ConfigError(
    `"${column.name}" of ${what} cannot be a cursor: it is ${type} at the source, and lands as text, whose order is another one: newer rows would be passed over`,
    {
      column: column.name,
      hint: `a cursor may be a timestamp, a date, an integer, a uuid, a numeric with precision (or declared as decimal(p,s) in schema.ts), or text COLLATE "C": choose such a column, or cast this one in a query`,
    },
  )
}
