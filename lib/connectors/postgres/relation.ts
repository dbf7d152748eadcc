import { quoteIdentifier, quoteList, quoteLiteral } from '../../core/quote.ts'
import { duckdbTypeFromText } from '../../engines/types.ts'
import type { ColumnCast } from './casts.ts'
import type { Rows } from './rows.ts'

/** What is selected for one purpose: the rows, or the search of one that does not fit. */
export interface Selection {
  readonly casts: readonly ColumnCast[]
  readonly rows: Rows
  /** Conditions that cut a table into parts that are read side by side; one empty text: all at once. */
  readonly parts: readonly string[]
  /** The texts of `_file`, and with it `_row`. */
  readonly place?: string
}

/** Which columns of a row hold NaN, of those that `nan` marks: a digit 1 for each, in their order, 0 for the others; NULL for none. */
const NANS = quoteIdentifier('_millrace nans')

/** The statement of the server for each part: columns in order, then `_row` or `NANS`. */
export function serverSelects({ casts, rows, parts, place }: Selection): readonly string[] {
  const list = casts.map(({ name, server }) => `${server} AS ${quoteIdentifier(name)}`)
  // A relation of no columns is none: PostgreSQL has such tables, a read has not.
  if (place !== undefined) list.push('row_number() OVER () AS "_row"')
  const doubtful = casts.filter(({ nan }) => nan)
  if (doubtful.length > 0) {
    const each = doubtful.map(({ server }) => `${server} = 'NaN'`)
    list.push(`CASE WHEN ${each.join(' OR ')} THEN ${each.map((is) => `coalesce(${is}, false)::int::text`).join(' || ')} END AS ${NANS}`)
  }
  return parts.map((part) => {
    const where = [...rows.where, ...(part === '' ? [] : [part])]
    return `SELECT ${list.join(', ')} ${rows.from}${where.length > 0 ? ` WHERE ${where.join(' AND ')}` : ''}`
  })
}

/** Each part of the relation over a session of the extension. */
export function overSessions(selection: Selection, names: readonly string[]): readonly string[] {
  return serverSelects(selection).map((sql, i) =>
    clientSelect(selection, `SELECT * FROM postgres_query(${quoteLiteral(names[i] ?? '')}, ${quoteLiteral(sql)})`),
  )
}

/** The longest row that CSV may have: a value of 100 MB comes by the extension only. */
const LONGEST_LINE = 2 ** 24

/** Each part of the relation over a FIFO of CSV. */
export function overFifos(selection: Selection, paths: readonly string[]): readonly string[] {
  const types = selection.casts.map(({ name, csv }) => `${quoteLiteral(name)}: ${quoteLiteral(csv)}`)
  if (selection.place !== undefined) types.push(`'_row': 'BIGINT'`)
  const options = [
    'auto_detect = false',
    'header = false',
    "delim = ','",
    `quote = '"'`,
    `escape = '"'`,
    "nullstr = '\\N'",
    'allow_quoted_nulls = false',
    "new_line = '\\n'",
    'strict_mode = true',
    `max_line_size = ${LONGEST_LINE}`,
    `buffer_size = ${LONGEST_LINE}`,
    `columns = {${types.join(', ')}}`,
  ]
  return paths.map((path) => clientSelect(selection, `SELECT * FROM read_csv(${quoteList([path])}, ${options.join(', ')})`))
}

function clientSelect({ casts, place }: Selection, rows: string): string {
  const doubtful = casts.filter(({ nan }) => nan)
  const checked = (cast: ColumnCast): string => {
    const value = cast.client(quoteIdentifier(cast.name))
    if (!cast.nan) return value
    const holds = `${NANS} IS NOT NULL AND substr(${NANS}, ${doubtful.indexOf(cast) + 1}, 1) = '1'`
    return `CASE WHEN ${holds} THEN CAST('NaN' AS ${duckdbTypeFromText(cast.raw)}) ELSE ${value} END`
  }
  const list = casts.map((cast) => `${checked(cast)} AS ${quoteIdentifier(cast.name)}`)
  if (place !== undefined) list.push(`${quoteLiteral(place)} AS _file`, 'CAST(_row AS BIGINT) AS _row')
  return `SELECT ${list.join(', ')} FROM (${rows})`
}
