import type { Relation } from '../connectors/source.ts'
import type { Columns, TimeWindow } from '../core/dataset.ts'
import { ConfigError } from '../core/errors.ts'
import { quoteIdentifier, quoteLiteral } from '../core/quote.ts'
import type { SqlValues } from '../engines/duckdb.ts'
import type { FileStep } from '../engines/file-steps.ts'
import { type ColumnType, duckdbType, parseType } from '../engines/types.ts'
import { comparedCast, storedValue, strictCast } from '../formats/strict.ts'

/** What a pipeline wants of a relation. */
export interface SelectRequest {
  readonly dataset: string
  /** The dataset's columns, in order. */
  readonly columns: Columns
  readonly kind: { readonly by: 'window' | 'cursor'; readonly column: string } | { readonly by: 'whole' }
  /** Column → SQL expression over the source's own columns; its keys are then the columns. */
  readonly expressions?: Readonly<Record<string, string>>
  /** The source's own columns with declared types; needed with `expressions`. */
  readonly source?: Columns
  /** With `kind.by` `window`: only rows in `[start, end)`. */
  readonly window?: TimeWindow
  /** With `kind.by` `cursor`: only rows at or after this value, as DuckDB's text. */
  readonly from?: string
}

export interface Selected {
  readonly sql: string
  readonly values?: SqlValues
  /** The same over each part of the relation, where it has parts and the rows may be chosen in parts. */
  readonly parts?: readonly string[]
  /** Quicker ways to the same rows; see `ReaderStatement`. */
  readonly fast?: readonly { readonly sql: string; readonly proof: readonly FileStep[] }[]
}

/** What a row of a relation is called: in the SELECT below, and so in expressions. */
export const ROW = 'r'

/** A value of the dataset over the row `r` of a relation: the declared type, strictly, and how to tell what was there. */
export interface DeclaredValue {
  readonly column: string
  readonly type: ColumnType
  /** Fails for a value that does not fit. */
  readonly strict: string
  /** The value before the cast to the declared type. */
  readonly before: string
}

/**
 * The one SELECT that landing copies to Parquet: each declared column cast strictly from the relation's raw type, or from the pipeline's expression, as it lies in
 * millrace's files, cut to the window or to the cursor. A value that would change fails the statement, and so does a row whose window column is NULL: it is in no window. A row without a cursor is given, for landing to refuse it.
 * @throws ConfigError for a window or cursor column that cannot be one
 */
export function selectDeclared(relation: Relation, request: SelectRequest): Selected {
  const { fast, parts } = relation
  // An expression may look at all rows, as a window function does; and what a cursor brings is compared as a whole.
  const cut =
    request.expressions || request.kind.by === 'cursor' ? undefined : parts?.map((sql) => selectOver({ ...relation, sql }, request).sql)
  const selected = { ...selectOver(relation, request), ...(cut && { parts: cut }) }
  if (!fast) return selected
  const ways = fast.map(({ proof, ...way }) => ({ sql: selectOver(convertedOnce({ ...relation, ...way }, request), request).sql, proof }))
  return { ...selected, fast: ways }
}

/** A relation whose values are cast in a subquery, so that what is compared and given afterwards is one cast and not two. */
interface Converted extends Relation {
  /** Column → its value, strictly. */
  readonly converted?: Readonly<Record<string, string>>
}

function convertedOnce(relation: Relation, { columns, expressions }: SelectRequest): Converted {
  if (expressions) return relation
  const casts: string[] = []
  const converted: Record<string, string> = {}
  for (const [column, text] of Object.entries(columns)) {
    const [type, raw] = [parseType(text), `r.${quoteIdentifier(column)}`]
    const name = quoteIdentifier(`_millrace cast of ${column}`)
    const compared = comparedCast(raw, `r.${name}`, parseType(relation.raw[column] ?? 'text'), type)
    if (compared === undefined) continue
    casts.push(`CAST(${raw} AS ${duckdbType(type)}) AS ${name}`)
    converted[column] = compared
  }
  if (casts.length === 0) return relation
  return { ...relation, sql: `SELECT *, ${casts.join(', ')} FROM (${relation.sql}) AS r`, converted }
}

function selectOver(relation: Converted, request: SelectRequest): Selected {
  const values = declaredValues(relation, request).map((each) => ({ ...each, strict: relation.converted?.[each.column] ?? each.strict }))
  const list = values.map(({ column, type, strict }) => `${storedValue(strict, type)} AS ${quoteIdentifier(column)}`)
  const cut = cutOf(relation, request, values)
  const sql = `SELECT ${list.join(', ')} FROM ${rowsOf(relation, request, relation.sql, [])} AS ${ROW}${cut ? ` WHERE ${cut.refusing ?? cut.where}` : ''}`
  return { sql, ...(cut && { values: cut.values }) }
}

/** Each column of the dataset over a row `r` of `rowsOf`. */
export function declaredValues(relation: Relation, { columns, expressions }: SelectRequest): readonly DeclaredValue[] {
  return Object.entries(columns).map(([column, text]) => {
    const type = parseType(text)
    const expression = expressions?.[column]
    if (expression !== undefined) return { column, type, strict: fromExpression(`(${expression})`, type), before: `(${expression})` }
    const raw = `${ROW}.${quoteIdentifier(column)}`
    return { column, type, strict: strictCast(raw, parseType(relation.raw[column] ?? 'text'), type, relation.zone), before: raw }
  })
}

/** The relation in parentheses; with expressions its columns already have the source's declared types, which the expressions are written over. */
export function rowsOf(relation: Relation, { expressions, source }: SelectRequest, rows: string, more: readonly string[]): string {
  if (!expressions) return `(${rows})`
  const list = sourceValues(relation, source).map(({ column, strict }) => `${strict} AS ${quoteIdentifier(column)}`)
  return `(SELECT ${[...list, ...more].join(', ')} FROM (${rows}) AS ${ROW})`
}

/** Each column of the source over a row `r` of the relation. */
export function sourceValues(relation: Relation, source: Columns | undefined): readonly DeclaredValue[] {
  return declaredValues(relation, { dataset: '', columns: source ?? relation.raw, kind: { by: 'whole' } })
}

/** Strict from an expression whose type only DuckDB knows: text goes the way of text, anything else must equal its cast. */
function fromExpression(expression: string, type: ColumnType): string {
  const target = duckdbType(type)
  const asText = strictCast(`CAST(${expression} AS VARCHAR)`, { name: 'text' }, type)
  if (type.name === 'text') return `CAST(${expression} AS VARCHAR)`
  if (type.name === 'json')
    return `CASE WHEN typeof(${expression}) = 'VARCHAR' THEN ${asText} ELSE CAST(to_json(${expression}) AS JSON) END`
  const cast = `CAST(${expression} AS ${target})`
  const equal = `CASE WHEN ${cast} = ${expression} THEN ${cast} ELSE CAST('!' || CAST(${expression} AS VARCHAR) AS ${target}) END`
  if (type.name === 'list' || type.name === 'struct') return cast
  return `CASE WHEN typeof(${expression}) = 'VARCHAR' THEN ${asText} ELSE ${equal} END`
}

interface Cut {
  /** NULL for a row without a value. */
  readonly where: string
  /** What the SELECT asks: of a window the same, failing for such a row; of a cursor such rows too, which landing refuses. */
  readonly refusing?: string
  readonly values: SqlValues
}

/** The condition on the window or the cursor. */
export function cutOf(
  relation: Relation,
  { dataset, kind, window, from }: SelectRequest,
  values: readonly DeclaredValue[],
): Cut | undefined {
  if (kind.by === 'whole' || (kind.by === 'window' ? window === undefined : from === undefined)) return undefined
  const value = values.find(({ column }) => column === kind.column)
  if (!value)
    throw new ConfigError(`${kind.by} column "${kind.column}" is not among the columns of "${dataset}"`, { dataset, column: kind.column })
  if (kind.by === 'cursor') {
    const where = `${value.strict} >= CAST($from AS ${duckdbType(value.type)})`
    return { where, refusing: `(${where} OR ${value.strict} IS NULL)`, values: { from: from ?? null } }
  }
  const instant = instantOf(value, relation.zone)
  if (instant === undefined)
    throw new ConfigError(`window column "${kind.column}" must be a date, timestamp or timestamptz`, { dataset, column: kind.column })
  const where = `${instant} >= $start AND ${instant} < $end`
  return {
    where,
    refusing: refusingNull(where, instant, value, dataset),
    values: { start: window?.start ?? null, end: window?.end ?? null },
  }
}

/** The cut, failing for NULL in whatever order conditions are tried. A bare column is compared bare, since only so does DuckDB skip row groups of Parquet. */
function refusingNull(where: string, instant: string, { column, strict }: DeclaredValue, dataset: string): string {
  const nothing = quoteLiteral(`"${dataset}" has a row without ${column}, its window`)
  const known = `coalesce(${instant}, CAST(error(${nothing}) AS TIMESTAMP WITH TIME ZONE))`
  return strict === `r.${quoteIdentifier(column)}` && instant === strict
    ? `((${where}) OR ${instant} IS NULL) AND ${known} IS NOT NULL`
    : `${known} >= $start AND ${known} < $end`
}

/** When a value of a window column is; undefined for a type that is no time. */
export function instantOf({ type, strict }: DeclaredValue, zone: string | undefined): string | undefined {
  if (type.name === 'timestamptz') return strict
  if (type.name !== 'timestamp' && type.name !== 'date') return undefined
  const naive = type.name === 'date' ? `CAST(${strict} AS TIMESTAMP)` : strict
  return zone === undefined ? `CAST(${naive} AS TIMESTAMP WITH TIME ZONE)` : `(${naive} AT TIME ZONE ${quoteLiteral(zone)})`
}
