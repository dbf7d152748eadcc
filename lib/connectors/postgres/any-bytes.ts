import { CheckError } from '../../core/errors.ts'
import { quoteIdentifier } from '../../core/quote.ts'
import type { PlannedRead } from './run-jobs.ts'

/** Bytes that are no text of the encoding. */
const NO_TEXT = '22021'

/**
 * The error of a read from a database whose encoding is none, with the column that holds bytes that are no UTF-8; any other error as it is. The server says the bytes alone, so that it is asked of each column in turn, once
 * more over all rows.
 */
export async function withBytesNamed(error: unknown, { snapshot, selections, doing }: PlannedRead): Promise<unknown> {
  const { code } = (error instanceof CheckError ? (error.cause ?? {}) : {}) as { readonly code?: unknown }
  if (!(error instanceof CheckError) || code !== NO_TEXT || !snapshot.anyBytes) return error
  const { casts, rows } = selections.sql
  const where = rows.where.length > 0 ? ` WHERE ${rows.where.join(' AND ')}` : ''
  let column: string | undefined
  for (const { name, server } of casts) {
    const bytes = `convert_to((${server})::text, 'SQL_ASCII')`
    if (!(await snapshot.refuses(`SELECT count(convert_from(${bytes}, 'UTF8')) ${rows.from}${where}`, NO_TEXT))) continue
    column = name
    break
  }
  const bytes = /0x[0-9a-f].*(?= \()/.exec(error.message)?.[0] ?? 'bytes'
  const c = quoteIdentifier(column ?? 'column')
  // Without a cause nobody looks for a value: the same bytes would stop that search.
  return new CheckError(`${doing} failed: ${column === undefined ? 'a column' : `column "${column}"`} holds ${bytes}, which is no UTF-8`, {
    ...error.place,
    ...(column !== undefined && { column }),
    hint: `the database has no encoding (SQL_ASCII): correct the row, or say in a query which one it is: convert_from(convert(convert_to(${c}, 'SQL_ASCII'), 'LATIN1', 'UTF8'), 'UTF8') AS ${c}`,
  })
}
