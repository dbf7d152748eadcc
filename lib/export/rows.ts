import type { Columns, Dataset } from '../core/dataset.ts'
import { CheckError } from '../core/errors.ts'
import { quoteIdentifier } from '../core/quote.ts'
import type { DuckDB } from '../engines/duckdb.ts'
import { relationOfFiles } from '../engines/relation.ts'
import { type ColumnType, parseType } from '../engines/types.ts'
import { csvValue } from '../formats/csv-values.ts'
import { replaceUnfit } from '../formats/encodings.ts'
import { escapedFormula, escapeFormula } from '../formats/formulas.ts'
import type { Contract } from './contract.ts'
import { direction, orderColumns, orderSql } from './order.ts'

/**
 * The SELECT of a delivery: the contract's columns as CSV text, rows in the contract's order. Values are sorted as what they are and turned to text above the
 * sort: a projection keeps its input's order, as does a scan of files. `inOrder`: the files are in that order already, and are not sorted again.
 */
export function deliverySelect(dataset: Dataset, contract: Contract, inOrder = false): string {
  const texts = Object.keys(contract.columns).map(
    (name) => `${deliveredText(name, contract)} AS ${quoteIdentifier(headerName(name, contract))}`,
  )
  const order = inOrder ? '' : ` ORDER BY ${orderSql(contract)}`
  return `SELECT ${texts.join(', ')} FROM (${relationOfFiles(contract.columns, dataset.files)}${order}) AS t`
}

/** A column's name as the header has it. */
export function headerName(name: string, contract: Pick<Contract, 'formulas' | 'delimiter' | 'quote'>): string {
  return contract.formulas === 'escape' ? escapedFormula(name, contract) : name
}

/** The SQL of a value of the row `t` as the file has it, but for quotes. */
function deliveredText(name: string, contract: Contract): string {
  const type = parseType(contract.columns[name] ?? 'text')
  const round: Readonly<Record<string, number | undefined>> = contract.round
  const value = csvValue(`t.${quoteIdentifier(name)}`, type, contract, round[name])
  if (!isTextual(type)) return value
  const fit = contract.unfit === 'replace' ? replaceUnfit(value, contract.encoding) : value
  return contract.formulas === 'escape' ? escapeFormula(fit, contract) : fit
}

/** Whether a value's text is somebody's words: only such texts can be formulas, or have characters that an encoding has not. */
export function isTextual({ name }: ColumnType): boolean {
  return name === 'text' || name === 'json' || name === 'list' || name === 'struct'
}

const NUMERIC = /^(u?int(8|16|32|64)|decimal|float32|float64)$/

/**
 * Columns whose values are quoted always, by their names in the header: those that the contract's quoting says, and that of a contract with one column, where an empty text would be a blank line.
 */
export function quotedColumns(contract: Contract): readonly string[] {
  const { columns, quoting } = contract
  const names = Object.keys(columns)
  const quoted = names.filter(
    (name) => quoting === 'all' || (quoting === 'nonNumeric' && !NUMERIC.test(parseType(columns[name] ?? 'text').name)),
  )
  const all = quoted.length > 0 || names.length > 1 || contract.null === '' ? quoted : names
  return all.map((name) => headerName(name, contract))
}

/**
 * Holds that `orderBy` is a total order of the rows: no two have equal values in all its columns (NULL equals NULL). Tells whether the files are in this order already. One scan of these columns:
 * sorted, each row beside the one before it, which costs a third of grouping by them.
 *
 * @throws CheckError with the number of such rows and the first one's values
 */
export async function checkTotalOrder(
  db: DuckDB,
  dataset: Dataset,
  contract: Contract,
  signal: AbortSignal,
): Promise<{ readonly inOrder: boolean }> {
  const order = orderColumns(contract)
  const columns: Columns = Object.fromEntries(order.map(({ name }) => [name, contract.columns[name] ?? 'text']))
  // The dataset's names stay inside: any of them may be `place`.
  const keys = order.map(({ name }, i) => `${quoteIdentifier(name)} AS k${i}`)
  const sorted = order.map(({ descending }, i) => `k${i} ${direction(descending)}`)
  const previous = order.map((_, i) => `lag(k${i}) OVER () AS p${i}`)
  // Streaming windows: the inner one numbers the rows as the files have them, the outer one sees them as the sort gives them.
  const placed = `SELECT ${keys.join(', ')}, row_number() OVER () AS place FROM (${relationOfFiles(columns, dataset.files)})`
  const beside = `SELECT *, row_number() OVER () AS n, lag(place) OVER () AS lag_place, ${previous.join(', ')} FROM (${placed} ORDER BY ${sorted.join(', ')})`
  const same = `n > 1 AND ${order.map((_, i) => `k${i} IS NOT DISTINCT FROM p${i}`).join(' AND ')}`
  const sample = order.map((_, i) => `arg_min(coalesce(CAST(k${i} AS VARCHAR), 'NULL'), n) FILTER (WHERE ${same}) AS v${i}`)
  const moved = 'count(*) FILTER (WHERE place < lag_place) AS moved'
  const [found] = await db.meta(
    `SELECT count(*) FILTER (WHERE ${same}) AS repeated, ${moved}, ${sample.join(', ')} FROM (${beside})`,
    undefined,
    signal,
  )
  const repeated = Number(found?.repeated ?? 0)
  if (repeated === 0) return { inOrder: found?.moved === '0' }
  const key = order.map(({ name }, i) => `${name}=${found?.[`v${i}`]}`).join(' ')
  throw new CheckError(
    `orderBy (${contract.orderBy.join(', ')}) is no total order: ${repeated} of ${dataset.rows} rows repeat the one before, first ${key}`,
    {
      value: key.slice(0, 200),
      hint: 'add columns to orderBy until no two rows are equal in all of them',
    },
  )
}
