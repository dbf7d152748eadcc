import { quoteIdentifier } from '../core/quote.ts'
import type { MetaRow, SqlValues } from '../engines/duckdb.ts'
import type { Ground, Measure } from './measure.ts'
import type { Rule, Severity } from './rules.ts'

export interface MeasuredRule {
  readonly rule: Rule
  readonly severity: Severity
  readonly measure: Measure
  /** Of its column in the scan's one row. */
  readonly name: string
}

export interface Finding extends MeasuredRule {
  readonly passed: boolean
  /** Rows; 0 for a rule over the whole. */
  readonly failed: number
  /** The newest value as text, for freshness. */
  readonly newest: string | null
}

/** All rules as one statement that gives one row: the dataset's rows, then a count of failing rows or a verdict for each rule. */
export function scanOf(measured: readonly MeasuredRule[], ground: Ground): { readonly sql: string; readonly values: SqlValues } {
  const columns = measured.flatMap(({ rule, measure, name }) => [
    `${countOf(measure, ground)} AS ${name}`,
    ...(rule.rule === 'freshness' ? [`CAST(max(${quoteIdentifier(rule.column)}) AS VARCHAR) AS ${name}_newest`] : []),
  ])
  return {
    sql: `SELECT ${['count(*) AS "rows"', ...columns].join(', ')} FROM (${ground.relation}) AS ${ground.alias}`,
    values: Object.assign({}, ...measured.map(({ measure }) => measure.values)),
  }
}

function countOf(measure: Measure, ground: Ground): string {
  switch (measure.over) {
    case 'row':
      return `count(*) FILTER (WHERE ${measure.fails})`
    case 'groups':
      return `(SELECT coalesce(sum(n), 0)::BIGINT FROM (SELECT count(*) AS n FROM ${duplicates(measure.columns, ground)}))`
    case 'whole':
      return measure.select
  }
}

/** `FROM` and after for the groups of more than one row; rows with a NULL among the columns are not compared. */
export function duplicates(columns: readonly string[], ground: Ground): string {
  const names = columns.map(quoteIdentifier)
  const present = names.map((name) => `${name} IS NOT NULL`).join(' AND ')
  return `(${ground.relation}) WHERE ${present} GROUP BY ${names.join(', ')} HAVING count(*) > 1`
}

/** What the scan's one row says of each rule. */
export function findings(row: MetaRow, measured: readonly MeasuredRule[]): { readonly rows: number; readonly found: readonly Finding[] } {
  const found = measured.map((each): Finding => {
    const result = row[each.name]
    const failed = each.measure.over === 'whole' ? 0 : Number(result)
    return {
      ...each,
      passed: each.measure.over === 'whole' ? result === 'true' : failed === 0,
      failed,
      newest: row[`${each.name}_newest`] ?? null,
    }
  })
  return { rows: Number(row.rows), found }
}
