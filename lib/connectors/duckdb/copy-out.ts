import type { RunContext } from '../../core/context.ts'
import { quoteIdentifier, quoteList, quoteLiteral } from '../../core/quote.ts'
import { casts, fileColumns } from '../../engines/relation.ts'
import type { RowsReceipt, RowsRequest } from '../warehouse.ts'
import { withFile } from './open.ts'
import { describeTable, requireLoadable } from './table.ts'

/** `Warehouse.copyOut` of a DuckDB file that is there. */
export async function copyOutOf(file: string, request: RowsRequest, ctx: RunContext): Promise<RowsReceipt | undefined> {
  const { table, path } = request
  return withFile({ file, readOnly: true }, ctx, async (db) => {
    const there = await describeTable(db, table)
    if (!there) return undefined
    requireLoadable(there, table)
    const spelled = new Map(Object.keys(request.columns).map((name) => [name.toLowerCase(), name]))
    const columns = Object.fromEntries(Object.entries(there.columns).map(([name, type]) => [spelled.get(name.toLowerCase()) ?? name, type]))
    const rows = conditions(request, columns).map((where) => `SELECT * FROM ${quoteIdentifier(table)} AS t WHERE ${where}`)
    const select = `SELECT ${asInFile(columns)}, _partition FROM (${rows.join(' UNION ALL ')})`
    return { columns, rows: await db.run(`COPY (${select}) TO ${quoteLiteral(path)} (FORMAT parquet)`, undefined, ctx.signal) }
  })
}

/** What is asked for, of which no row meets two. */
function conditions({ partition, keys }: RowsRequest, there: RowsReceipt['columns']): readonly string[] {
  const its = `_partition = ${quoteLiteral(partition ?? '')}`
  if (!keys) return [partition === undefined ? 'true' : its]
  const others = partition === undefined ? 'true' : `_partition IS DISTINCT FROM ${quoteLiteral(partition)}`
  const named = Object.entries(keys.columns).every(([name, type]) => there[name] === type)
  const keyed = named ? [`${others} AND EXISTS (SELECT 1 FROM (${keysOf(keys)}) AS s WHERE ${sameKey(keys)})`] : []
  return [partition === undefined ? 'false' : its, ...keyed]
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
