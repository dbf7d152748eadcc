import type { Columns } from '../core/dataset.ts'
import { durationMs } from '../core/duration.ts'
import { ConfigError, type ErrorOptions, messageOf, placed } from '../core/errors.ts'
import { didYouMean } from '../core/nearest.ts'
import { quoteIdentifier } from '../core/quote.ts'
import type { DuckDB, MetaRow, SqlValues } from '../engines/duckdb.ts'
import { emptyRelation } from '../engines/relation.ts'
import { comparisonOf, type Family, familyOf } from './exact.ts'
import { expressionOf, expressionValues, patternOf } from './measure.ts'
import { columnsOf, ruleText } from './rule-text.ts'
import type { Check, Rule } from './rules.ts'

export interface BindRequest {
  readonly dataset: string
  readonly rules: readonly Check<string, string, string, string>[]
  readonly columns: Columns
  /** Columns of the pipeline's other datasets, for `references`. */
  readonly others: Readonly<Record<string, Columns>>
  /** As in CheckRequest; any value of the right type will do. */
  readonly parameters: SqlValues
}

const EXPECTED: Readonly<Record<Family, string>> = {
  number: 'a number',
  text: 'text',
  boolean: 'boolean',
  time: 'date, timestamp or timestamptz',
  nested: 'a list or struct',
  other: 'another type',
}

type RuleOf<K extends Rule['rule']> = Extract<Rule, { rule: K }>

/**
 * Binds a dataset's rules on zero rows, at plan time. `db` is any engine at hand; nothing is left in it.
 * @throws ConfigError for the first rule that cannot run: an unknown column or dataset, a column of the wrong family, a pattern that RE2 refuses, an expression that DuckDB refuses
 */
export async function bindRules(request: BindRequest, db: DuckDB): Promise<void> {
  for (const { rule } of request.rules) {
    try {
      await bindRule(rule, request, db)
    } catch (error) {
      throw placed(error, { stage: 'check', dataset: request.dataset })
    }
  }
}

async function bindRule(rule: Rule, request: BindRequest, db: DuckDB): Promise<void> {
  const refuse = (message: string, options?: ErrorOptions): never => {
    throw new ConfigError(`${ruleText(rule)}: ${message}`, options)
  }
  const named = columnsOf(rule)
  if ('columns' in rule && (named.length === 0 || new Set(named).size !== named.length)) refuse('needs one or more different columns')
  for (const column of named) typeOf(rule, column, request.columns, request.dataset)
  const [column = ''] = named
  const type = request.columns[column] ?? ''
  const family = (...families: readonly Family[]) => {
    if (!families.includes(familyOf(type)))
      refuse(`column "${column}" is ${type}; expected ${families.length > 1 ? 'no list or struct' : EXPECTED[families[0] ?? 'other']}`, {
        column,
      })
  }
  switch (rule.rule) {
    case 'notNull':
    case 'unique':
      return
    case 'accepted':
      family('number', 'text', 'boolean', 'time', 'other')
      if (rule.values.length === 0) refuse('needs at least one value')
      return bindValues(rule, type, rule.values, db)
    case 'between':
      if (typeof rule.low === 'string' || typeof rule.high === 'string') family('number', 'text', 'time', 'other')
      else family('number')
      return bindBounds(rule, type, db)
    case 'matches':
      family('text')
      return bindPattern(rule, db)
    case 'references':
      return bindReference(rule, type, request)
    case 'rowCount':
      if (![rule.min, rule.max].every((n) => Number.isSafeInteger(n) && n >= 0) || rule.min > rule.max)
        refuse('needs whole numbers with min at most max')
      return
    case 'freshness':
      family('time')
      durationMs(rule.within)
      return
    case 'expression':
      return bindExpression(rule, request, db)
  }
}

function typeOf(rule: Rule, column: string, columns: Columns, dataset: string): string {
  const type = Object.hasOwn(columns, column) ? columns[column] : undefined
  if (type !== undefined) return type
  const names = Object.keys(columns)
  throw new ConfigError(
    `${ruleText(rule)}: "${dataset}" has no column "${column}"${didYouMean(column, names) || `; there are: ${names.join(', ')}`}`,
    { column },
  )
}

/** Casts the values, without data, to the type in which they will be compared. */
async function bindValues(
  rule: RuleOf<'accepted'>,
  type: string,
  given: readonly (string | number | boolean)[],
  db: DuckDB,
): Promise<void> {
  try {
    const { type: common, values } = comparisonOf(type, given)
    const casts = values.map((_, i) => `CAST($v${i} AS ${common})`)
    await db.run(`SELECT ${casts.join(', ')}`, Object.fromEntries(values.map((value, i) => [`v${i}`, value])))
  } catch (error) {
    throw new ConfigError(`${ruleText(rule)}: ${vendorWords(error)}`, { column: rule.column, cause: error })
  }
}

async function bindBounds(rule: RuleOf<'between'>, type: string, db: DuckDB): Promise<void> {
  const { low, high } = rule
  if (Number.isNaN(low) || Number.isNaN(high)) throw new ConfigError(`${ruleText(rule)}: NaN is no bound`, { column: rule.column })
  let row: MetaRow | undefined
  try {
    const { type: common, values } = comparisonOf(type, [low, high])
    ;[row] = await db.meta(`SELECT CAST($low AS ${common}) <= CAST($high AS ${common}) AS ok`, {
      low: values[0] ?? null,
      high: values[1] ?? null,
    })
  } catch (error) {
    throw new ConfigError(`${ruleText(rule)}: ${vendorWords(error)}`, { column: rule.column, cause: error })
  }
  if (row?.ok !== 'true') throw new ConfigError(`${ruleText(rule)}: the low bound is above the high one`, { column: rule.column })
}

async function bindPattern(rule: RuleOf<'matches'>, db: DuckDB): Promise<void> {
  const odd = [...rule.flags].find((flag) => !'imsu'.includes(flag))
  if (odd !== undefined)
    throw new ConfigError(`${ruleText(rule)}: the flag ${odd} has no meaning here; i, m, s and u have`, { column: rule.column })
  try {
    await db.run(`SELECT regexp_matches('', $pattern)`, { pattern: patternOf(rule) })
  } catch (error) {
    throw new ConfigError(`${ruleText(rule)}: RE2 refuses the pattern: ${vendorWords(error)}`, {
      column: rule.column,
      cause: error,
      hint: 'RE2 has no lookahead, lookbehind and backreferences; (?P<name>…) names a group and \\x{e9} a character',
    })
  }
}

function bindReference(rule: RuleOf<'references'>, type: string, { others }: BindRequest): void {
  const columns = Object.hasOwn(others, rule.dataset) ? others[rule.dataset] : undefined
  if (!columns) {
    const names = Object.keys(others)
    throw new ConfigError(
      `${ruleText(rule)}: there is no dataset "${rule.dataset}"${didYouMean(rule.dataset, names) || `; there are: ${names.join(', ')}`}`,
    )
  }
  const target = typeOf(rule, rule.target, columns, rule.dataset)
  const family = familyOf(type)
  if (family === familyOf(target) && (family !== 'other' || type === target) && (family !== 'nested' || type === target)) return
  throw new ConfigError(`${ruleText(rule)}: ${type} cannot be compared with ${target}`, { column: rule.column })
}

async function bindExpression(rule: RuleOf<'expression'>, { dataset, columns, parameters }: BindRequest, db: DuckDB): Promise<void> {
  const expression = `(${expressionOf(rule.sql, 'v')}\n)`
  const from = `FROM (${emptyRelation(columns)}) AS ${quoteIdentifier(dataset)}`
  const values = { ...parameters, ...expressionValues(rule.values, 'v') }
  try {
    const counted = `SELECT count(*) FILTER (WHERE NOT ${expression}) ${from}`
    const unknown = (await db.parameters(counted)).find((name) => !Object.hasOwn(values, name))
    if (unknown !== undefined)
      throw new ConfigError(`${ruleText(rule)}: there is no parameter $${unknown}${didYouMean(unknown, Object.keys(parameters))}`)
    await db.describe(counted, values)
    const [column] = await db.describe(`SELECT ${expression} ${from}`, values)
    if (column?.type !== 'BOOLEAN') throw new ConfigError(`${ruleText(rule)}: gives ${column?.type}, not BOOLEAN`)
  } catch (error) {
    if (error instanceof ConfigError) throw error
    throw new ConfigError(`${ruleText(rule)}: DuckDB refuses it: ${vendorWords(error)}`, { cause: error })
  }
}

/** DuckDB's message without its kind, and without the statement that it quotes. */
export function vendorWords(error: unknown): string {
  const [words = ''] = messageOf(error).split('\n\n')
  return words.replace(/^[A-Z]\w+(?: \w+)* Error: /, '').replaceAll(/\s*\n\s*/g, ' ')
}
