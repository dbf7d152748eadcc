import type { Columns } from '../../core/dataset.ts'
import { quoteIdentifier } from '../../core/quote.ts'
import type { DuckDB } from '../../engines/duckdb.ts'
import type { Side } from '../../export/gate/side.ts'

/** Which columns of two relations can be compared. */
export interface ComparedColumns {
  /** Of both, with one type. */
  readonly columns: readonly string[]
  readonly newColumns: readonly string[]
  readonly goneColumns: readonly string[]
  /** Of both, with another type: their values are not compared. */
  readonly retyped: readonly { readonly name: string; readonly before: string; readonly after: string }[]
}

export function comparedColumnsOf(before: Columns, after: Columns): ComparedColumns {
  const has = (columns: Columns, name: string) => Object.hasOwn(columns, name)
  const both = Object.keys(after).filter((name) => has(before, name))
  return {
    columns: both.filter((name) => before[name] === after[name]),
    newColumns: Object.keys(after).filter((name) => !has(before, name)),
    goneColumns: Object.keys(before).filter((name) => !has(after, name)),
    retyped: both.flatMap((name) => (before[name] === after[name] ? [] : [{ name, before: before[name] ?? '', after: after[name] ?? '' }])),
  }
}

/** A side of a comparison: these columns of a SELECT as texts, its rows counted. */
export async function sideOfSelect(db: DuckDB, select: string, columns: readonly string[], signal: AbortSignal): Promise<Side> {
  const texts = columns.map((name, i) => `CAST(${quoteIdentifier(name)} AS VARCHAR) AS c${i}`)
  const [row] = await db.meta(`SELECT count(*) AS n FROM (${select})`, undefined, signal)
  return {
    rows: Number(row?.n),
    columns,
    sql: `(SELECT ${texts.join(', ') || '1 AS nothing'} FROM (${select}))`,
    column: (name) => `c${columns.indexOf(name)}`,
  }
}

/** The column that tells equal rows apart, where whole rows are compared: the first, the second of them, … */
export const NUMBER = '# of equal rows'

/** The same rows, of these columns alone, each named by all its values and its number among equal ones: so that a key names each, and what one side has more often differs. */
export function asWholeRows(side: Side, columns: readonly string[]): Side {
  const own = columns.map((name) => side.column(name))
  const all = [...columns, NUMBER]
  const numbered = `row_number() OVER (${own.length > 0 ? `PARTITION BY ${own.join(', ')}` : ''})`
  const select = [...own, numbered].map((sql, i) => `CAST(${sql} AS VARCHAR) AS n${i}`)
  return {
    rows: side.rows,
    columns: all,
    sql: `(SELECT ${select.join(', ')} FROM ${side.sql})`,
    column: (name) => `n${all.indexOf(name)}`,
  }
}
