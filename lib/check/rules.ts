import { ConfigError } from '../core/errors.ts'
import { requireKnown } from '../core/known-options.ts'

/** What a check's finding does: `error` stops load and export (exit 3), `warn` is counted and told. */
export type Severity = 'error' | 'warn'

/** A rule as data; check/ turns all rules of a dataset into one scan. */
export type Rule =
  | { readonly rule: 'notNull'; readonly columns: readonly string[] }
  | { readonly rule: 'unique'; readonly columns: readonly string[] }
  | { readonly rule: 'accepted'; readonly column: string; readonly values: readonly (string | number | boolean)[] }
  | { readonly rule: 'between'; readonly column: string; readonly low: number | string; readonly high: number | string }
  | { readonly rule: 'matches'; readonly column: string; readonly pattern: string; readonly flags: string }
  | { readonly rule: 'references'; readonly column: string; readonly dataset: string; readonly target: string }
  | { readonly rule: 'rowCount'; readonly min: number; readonly max: number }
  | { readonly rule: 'freshness'; readonly column: string; readonly within: string }
  | { readonly rule: 'expression'; readonly sql: string; readonly values: readonly unknown[]; readonly name: string }

/** A rule of `check`, made by the functions here, with the columns it speaks of in its type: any, numbers, texts, times. */
export interface Check<
  out Any extends string = never,
  out Numbers extends string = never,
  out Texts extends string = never,
  out Times extends string = never,
> {
  readonly rule: Rule
  readonly severity: Severity
  readonly _columns?: { readonly any: Any; readonly numbers: Numbers; readonly texts: Texts; readonly times: Times }
}

/** No NULL in these columns; NaN and the empty text are no NULL. */
export function notNull<const C extends string>(...columns: readonly C[]): Check<C> {
  return { rule: { rule: 'notNull', columns }, severity: 'error' }
}

/** No two rows with the same values in these columns; rows with a NULL among them are not compared. */
export function unique<const C extends string>(...columns: readonly C[]): Check<C> {
  return { rule: { rule: 'unique', columns }, severity: 'error' }
}

/** Every value is one of these, compared in the column's type; NULL passes. */
export function accepted<const C extends string>(column: C, values: readonly (string | number | boolean)[]): Check<C> {
  if (!Array.isArray(values)) throw new ConfigError(`accepted(${column}) needs a list of values, as ['a', 'b']`)
  return { rule: { rule: 'accepted', column, values }, severity: 'error' }
}

/** `low <= value <= high`, for numbers of any type, compared exactly; NULL passes, NaN does not. */
export function between<const C extends string>(column: C, low: number, high: number): Check<never, C> {
  if (low === undefined || high === undefined)
    throw new ConfigError(`between(${column}) needs both bounds, as between('${column}', 0, 100)`)
  return { rule: { rule: 'between', column, low, high }, severity: 'error' }
}

/** The pattern matches somewhere in the text (RE2 syntax; `i`, `s` and `m` flags); NULL passes. */
export function matches<const C extends string>(column: C, pattern: RegExp): Check<never, never, C> {
  if (!(pattern instanceof RegExp)) throw new ConfigError(`matches(${column}) needs a regular expression, as /^[A-Z]+$/`)
  return { rule: { rule: 'matches', column, pattern: pattern.source, flags: pattern.flags }, severity: 'error' }
}

/** A rule that names another dataset, in its type. */
export type Reference<C extends string, D extends string> = Check<C> & { readonly _dataset?: D }

/** Every value stands in `target` of another dataset of the pipeline; NULL passes. */
export function references<const C extends string, const D extends string>(column: C, dataset: D, target: string): Reference<C, D> {
  return { rule: { rule: 'references', column, dataset, target }, severity: 'error' }
}

/** The dataset has at least `min` and at most `max` rows; of a partitioned one each partition is counted alone. Default: no bound. */
export function rowCount(options: { readonly min?: number; readonly max?: number }): Check {
  requireKnown('rowCount', options, { min: true, max: true })
  return { rule: { rule: 'rowCount', min: options.min ?? 0, max: options.max ?? Number.MAX_SAFE_INTEGER }, severity: 'error' }
}

/** The newest value is at most `within` (`'36h'`, `'2d'`) before the window's end, or before now where there is none. An empty dataset fails. */
export function freshness<const C extends string>(column: C, within: string): Check<never, never, never, C> {
  if (typeof within !== 'string') throw new ConfigError(`freshness(${column}) needs a duration, as '36h'`)
  return { rule: { rule: 'freshness', column, within }, severity: 'error' }
}

/** The same rule as a warning; of `sql` only a template, since a file's text is not known yet. */
export function warn(check: SqlText): Check
export function warn<C extends Check<string, string, string, string>>(check: C): C
export function warn(check: Check<string, string, string, string> | SqlText): Check<string, string, string, string> {
  return { ...('engine' in check ? ruleOfSql(check) : check), severity: 'warn' }
}

/** The slice of a `sql` template that a check uses; of `sql.file` the caller fills in `text`. */
export interface SqlText {
  readonly engine: 'duckdb'
  readonly text?: string
  readonly values: readonly (string | number | bigint | boolean | Date | null)[]
}

/** A boolean SQL expression over one row as a rule: it fails where the expression is false; NULL passes. `${value}`s are bound, `$name`s are the pipeline's parameters. */
export function ruleOfSql(sql: SqlText): Check {
  const text = sql.text?.trim()
  if (!text) throw new ConfigError('a sql check needs an expression, as sql`amount >= 0`')
  const name = text.replaceAll(/\s+/g, ' ')
  return {
    rule: { rule: 'expression', sql: text, values: sql.values, name: name.length > 80 ? `${name.slice(0, 79)}…` : name },
    severity: 'error',
  }
}
