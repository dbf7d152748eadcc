import type { Dataset } from '../../core/dataset.ts'
import { quoteIdentifier } from '../../core/quote.ts'
import { mapScalars, relationOfFiles } from '../../engines/relation.ts'
import { type ColumnType, duckdbType, parseType } from '../../engines/types.ts'
import { orderSql } from '../contract/order.ts'
import type { CommonContract } from '../contract/table-contract.ts'
import { roundOf } from './delivered-text.ts'

/**
 * The SELECT of a delivery in a format that has types: the contract's columns, rows in its order. What such formats have in several ways, or inexactly, is text: uuid, json, interval. Floats that the contract
 * rounds are rounded. `inOrder`: the files are in that order already, and are not sorted again.
 */
export function typedSelect(dataset: Dataset, contract: CommonContract, inOrder: boolean): string {
  const values = Object.keys(contract.columns).map(
    (name) => `${typedValue(`t.${quoteIdentifier(name)}`, name, contract)} AS ${quoteIdentifier(name)}`,
  )
  const order = inOrder ? '' : ` ORDER BY ${orderSql(contract)}`
  return `SELECT ${values.join(', ')} FROM (${relationOfFiles(contract.columns, dataset.files)}${order}) AS t`
}

/** The SQL of a column's value, itself SQL, as the file has it. */
export function typedValue(value: string, name: string, { columns, round }: CommonContract): string {
  const type = parseType(columns[name] ?? 'text')
  const decimals = roundOf(name, { round })
  if (decimals !== undefined) return rounded(value, duckdbType(type), decimals)
  const written = duckdbType(typeInFile(type))
  return written === duckdbType(type) ? value : `CAST(${value} AS ${written})`
}

/** A column's type as the file has it. */
export function typeInFile(type: ColumnType): ColumnType {
  return mapScalars(type, (scalar) => (scalar === 'uuid' || scalar === 'json' || scalar === 'interval' ? 'text' : scalar))
}

/** `+ 0.0` turns -0.0 into 0.0: sums that differ in their last digits may fall on either side of zero. */
function rounded(value: string, type: string, decimals: number): string {
  return `CAST(CASE WHEN isfinite(${value}) THEN round(${value}, ${decimals}) + 0.0::DOUBLE ELSE ${value} END AS ${type})`
}
