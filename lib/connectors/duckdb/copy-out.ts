import type { RunContext } from '../../core/context.ts'
import { ConfigError } from '../../core/errors.ts'
import { quoteIdentifier, quoteList, quoteLiteral } from '../../core/quote.ts'
import { casts, fileColumns } from '../../engines/relation.ts'
import type { RowsReceipt, RowsRequest } from '../warehouse.ts'
import { withFile } from './open.ts'
import { describeTable } from './table.ts'

/** `Warehouse.copyOut` of a DuckDB file that is there. */
export async function copyOutOf(file: string, request: RowsRequest, ctx: RunContext): Promise<RowsReceipt | undefined> {
  const { table, partition, keys, path } = request
  return withFile({ file, readOnly: true }, ctx, async (db) => {
    const there = await describeTable(db, table)
    if (!there) return undefined
    if (!there.loadable)
      throw new ConfigError(`table "${table}" is in the warehouse but was not made by millrace: it has no columns _partition and _load`, {
        table,
      })
    const spelled = new Map(Object.keys(request.columns).map((name) => [name.toLowerCase(), name]))
    const columns = Object.fromEntries(Object.entries(there.columns).map(([name, type]) => [spelled.get(name.toLowerCase()) ?? name, type]))
    const from = `${quoteIdentifier(table)} AS t`
    const own = `SELECT * FROM ${from} WHERE _partition = ${quoteLiteral(partition)}`
    const rows = keys
      ? `${own} UNION ALL SELECT * FROM ${from} WHERE _partition IS DISTINCT FROM ${quoteLiteral(partition)} AND EXISTS (SELECT 1 FROM (${keysOf(keys)}) AS s WHERE ${sameKey(keys)})`
      : own
    const select = `SELECT ${asInFile(columns)}, _partition FROM (${rows})`
    return { columns, rows: await db.run(`COPY (${select}) TO ${quoteLiteral(path)} (FORMAT parquet)`, undefined, ctx.signal) }
  })
}

function keysOf({ columns, files }: NonNullable<RowsRequest['keys']>): string {
  return `SELECT ${casts(columns)} FROM read_parquet(${quoteList(files)}, hive_partitioning = false)`
}

function sameKey({ columns }: NonNullable<RowsRequest['keys']>): string {
  return Object.keys(columns)
    .map((name) => `t.${quoteIdentifier(name)} = s.${quoteIdentifier(name)}`)
    .join(' AND ')
}

/** Each column as a Parquet file has it. Our types begin with a small letter; what has none of them is text. */
function asInFile(columns: RowsReceipt['columns']): string {
  const known = Object.fromEntries(Object.entries(columns).map(([name, type]) => [name, /^[a-z]/.test(type) ? type : 'text']))
  return casts(fileColumns(known))
}
