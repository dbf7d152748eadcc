import { quoteIdentifier } from '../core/quote.ts'
import type { SqlValues } from '../engines/duckdb.ts'
import { casts, fileColumns } from '../engines/relation.ts'
import { templateValues } from './bind-sql.ts'
import type { Bound } from './bound.ts'
import { renameParameters, withoutSemicolon } from './sql-text.ts'

/** One SELECT and the values of its parameters. */
export interface Statement {
  readonly sql: string
  readonly values: SqlValues
}

/**
 * SQL steps that follow each other as one SELECT, each a CTE, the last one its result, with the column types that its file has. Values of templates get names that are theirs alone.
 */
export function fuseSteps(bound: Bound, fused: readonly string[], name: string, values: SqlValues): Statement {
  const all: Record<string, SqlValues[string]> = { ...values }
  const texts = [...fused, name].map((each, i) => {
    const step = bound.steps[each]
    if (step?.engine !== 'duckdb') throw new Error(`${each} is not SQL`)
    for (const [own, value] of Object.entries(templateValues(step))) all[`_s${i}${own}`] = value
    // A step's text may end in a line comment.
    return `(\n${renameParameters(withoutSemicolon(step.text), (own) => (/^_\d+$/.test(own) ? `_s${i}${own}` : undefined))}\n)`
  })
  const ctes = fused.map((each, i) => `${quoteIdentifier(each)} AS ${texts[i]}`)
  const columns = casts(fileColumns(bound.datasets[name]?.columns ?? {}))
  return { sql: `${ctes.length > 0 ? `WITH ${ctes.join(',\n')}\n` : ''}SELECT ${columns} FROM ${texts.at(-1)}`, values: all }
}

/** SELECT of a relation's rows in `[$start, $end)` by a time column. A date is the midnight that begins it, a naive timestamp is local, in the session's zone. */
export function cutToWindow(relation: string, column: string): string {
  const time = quoteIdentifier(column)
  return `SELECT * FROM ${relation} WHERE ${time} >= $start AND ${time} < $end`
}
