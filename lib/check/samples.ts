import { quoteIdentifier } from '../core/quote.ts'
import type { DuckDB, SqlValues } from '../engines/duckdb.ts'
import type { Ground } from './measure.ts'
import { columnsOf } from './rule-text.ts'
import type { Rule } from './rules.ts'
import { duplicates, type Finding } from './scan.ts'

/** Samples that a person is shown. */
export const SAMPLES = 5
/** Columns that a sample shows: those of the rule, then others, so that a person can find the row. */
const SHOWN = 4
const VALUE_LENGTH = 60

/** Up to six failing rows of each rule as texts (one more than is shown, to know whether there are more), by the rule's name, in one statement. A sample of `unique` is the values that stand in several rows, least first. */
export async function sampleRows(
  db: DuckDB,
  failing: readonly Finding[],
  ground: Ground,
  parameters: SqlValues,
  signal: AbortSignal,
): Promise<Map<string, string[]>> {
  const shown = new Map<string, readonly string[]>()
  for (const { rule, measure, name } of failing) {
    if (measure.over === 'groups') shown.set(name, measure.columns)
    if (measure.over === 'row') shown.set(name, await columnsShown(rule, ground, db))
  }
  const samples = new Map<string, string[]>()
  if (shown.size === 0) return samples
  const width = Math.max(...[...shown.values()].map((columns) => columns.length))
  const selects = failing.flatMap(({ measure, name }) => {
    const columns = shown.get(name)
    if (!columns || measure.over === 'whole') return []
    const values = Array.from({ length: width }, (_, i) => columns[i])
    const texts = values.map(
      (column, i) => `${column === undefined ? 'NULL' : `left(CAST(${quoteIdentifier(column)} AS VARCHAR), ${VALUE_LENGTH})`} AS v${i}`,
    )
    const rows =
      measure.over === 'row'
        ? `FROM (${ground.relation}) AS ${ground.alias} WHERE ${measure.fails} LIMIT ${SAMPLES + 1}`
        : `FROM ${duplicates(columns, ground)} ORDER BY ${columns.map(quoteIdentifier).join(', ')} LIMIT ${SAMPLES + 1}`
    return [`(SELECT '${name}' AS name, ${texts.join(', ')} ${rows})`]
  })
  const values: SqlValues = Object.assign({}, parameters, ...failing.map(({ measure }) => measure.values))
  for (const row of await db.meta(selects.join(' UNION ALL '), values, signal)) {
    const name = row.name ?? ''
    const text = (shown.get(name) ?? []).map((column, i) => `${column}=${row[`v${i}`] ?? 'NULL'}`).join(' ')
    samples.set(name, [...(samples.get(name) ?? []), text])
  }
  return samples
}

async function columnsShown(rule: Rule, { columns }: Ground, db: DuckDB): Promise<readonly string[]> {
  const named = rule.rule === 'expression' ? await columnsNamed(rule.sql, Object.keys(columns), db) : columnsOf(rule)
  return [...new Set([...named, ...Object.keys(columns)])].slice(0, Math.max(SHOWN, named.length))
}

/** The dataset's columns that an expression names, by its parsed tree. */
async function columnsNamed(sql: string, columns: readonly string[], db: DuckDB): Promise<readonly string[]> {
  const [row] = await db.meta('SELECT json_serialize_sql(CAST($sql AS VARCHAR)) AS tree', { sql: `SELECT (${sql}\n)` })
  const names = [...(row?.tree ?? '').matchAll(/"column_names":(\[[^\]]*\])/g)].map((match) =>
    String(JSON.parse(match[1] ?? '[]').at(-1)).toLowerCase(),
  )
  return columns.filter((column) => names.includes(column.toLowerCase()))
}
