import type { Columns } from '../core/dataset.ts'
import { durationMs } from '../core/duration.ts'
import { quoteIdentifier } from '../core/quote.ts'
import type { SqlValues } from '../engines/duckdb.ts'
import { comparisonOf } from './exact.ts'
import type { Rule } from './rules.ts'

/** What a rule's SQL stands on. */
export interface Ground {
  readonly columns: Columns
  /** SELECT of the dataset's rows, and of those of the datasets that `references` name. */
  readonly relation: string
  readonly others: Readonly<Record<string, string>>
  /** Quoted name of the dataset, for expressions. */
  readonly alias: string
  /** The instant against which freshness is measured. */
  readonly until: Date
}

/**
 * One rule as SQL. `row`: true where a row fails, NULL where it passes too. `groups`: the columns whose values stand in one row only; counted over those columns in a pass of its own, because no
 * single scan can know a later row. `whole`: judged by the dataset's row count or newest value.
 */
export type Measure =
  | { readonly over: 'row'; readonly fails: string; readonly values: SqlValues }
  | { readonly over: 'groups'; readonly columns: readonly string[]; readonly values: SqlValues }
  | { readonly over: 'whole'; readonly select: string; readonly values: SqlValues }

/** The rule as SQL over `ground`, its parameters' names beginning with `prefix`. */
export function measureOf(rule: Rule, ground: Ground, prefix: string): Measure {
  const type = (column: string) => ground.columns[column] ?? ''
  switch (rule.rule) {
    case 'notNull':
      return { over: 'row', fails: rule.columns.map((column) => `${quoteIdentifier(column)} IS NULL`).join(' OR '), values: {} }
    case 'unique':
      return { over: 'groups', columns: rule.columns, values: {} }
    case 'accepted': {
      const { type: common, values } = comparisonOf(type(rule.column), rule.values)
      const list = values.map((_, i) => `CAST($${prefix}_${i} AS ${common})`).join(', ')
      return { over: 'row', fails: `CAST(${quoteIdentifier(rule.column)} AS ${common}) NOT IN (${list})`, values: bound(values, prefix) }
    }
    case 'between': {
      const { type: common, values } = comparisonOf(type(rule.column), [rule.low, rule.high])
      const value = `CAST(${quoteIdentifier(rule.column)} AS ${common})`
      // NaN is DuckDB's greatest number: above every bound, infinity too.
      const fails = `NOT (${value} >= CAST($${prefix}_0 AS ${common}) AND ${value} <= CAST($${prefix}_1 AS ${common}))`
      return { over: 'row', fails, values: bound(values, prefix) }
    }
    case 'matches':
      return {
        over: 'row',
        fails: `NOT regexp_matches(${quoteIdentifier(rule.column)}, $${prefix}_0)`,
        values: bound([patternOf(rule)], prefix),
      }
    case 'references': {
      const [column, target] = [quoteIdentifier(rule.column), quoteIdentifier(rule.target)]
      const there = `SELECT ${target} FROM (${ground.others[rule.dataset]}) WHERE ${target} IS NOT NULL`
      return { over: 'row', fails: `${column} IS NOT NULL AND ${column} NOT IN (${there})`, values: {} }
    }
    case 'rowCount':
      return { over: 'whole', select: `count(*) BETWEEN $${prefix}_0 AND $${prefix}_1`, values: bound([rule.min, rule.max], prefix) }
    case 'freshness': {
      const newest = `CAST(max(${quoteIdentifier(rule.column)}) AS TIMESTAMPTZ)`
      const least = new Date(ground.until.getTime() - durationMs(rule.within))
      return { over: 'whole', select: `coalesce(${newest} >= $${prefix}_0, false)`, values: { [`${prefix}_0`]: least } }
    }
    case 'expression':
      return { over: 'row', fails: `NOT (${expressionOf(rule.sql, prefix)}\n)`, values: expressionValues(rule.values, prefix) }
  }
}

/** The pattern with JavaScript's flags as RE2 reads them: DuckDB's own option `m` means something else. */
export function patternOf({ pattern, flags }: { readonly pattern: string; readonly flags: string }): string {
  const inline = [...flags].filter((flag) => 'ims'.includes(flag)).join('')
  return inline === '' ? pattern : `(?${inline})${pattern}`
}

/** A template's `$_0`, `$_1`, … under names of this rule alone; texts, quoted names and comments stay as they are. */
export function expressionOf(sql: string, prefix: string): string {
  const token = /[eE]'(?:\\.|''|[^'\\])*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\/|(\$[A-Za-z_]*\$)[\s\S]*?\1|\$_(\d+)\b/g
  return sql.replaceAll(token, (text: string, _tag: string | undefined, index: string | undefined) =>
    index === undefined ? text : `$${prefix}_${index}`,
  )
}

/** A template's values under the names that `expressionOf` gives. */
export function expressionValues(values: readonly unknown[], prefix: string): SqlValues {
  return Object.fromEntries(values.map((value, i) => [`${prefix}_${i + 1}`, value as SqlValues[string]]))
}

function bound(values: readonly SqlValues[string][], prefix: string): SqlValues {
  return Object.fromEntries(values.map((value, i) => [`${prefix}_${i}`, value]))
}
