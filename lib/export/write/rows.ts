import type { Dataset } from '../../core/dataset.ts'
import { quoteIdentifier } from '../../core/quote.ts'
import { relationOfFiles } from '../../engines/relation.ts'
import { parseType } from '../../engines/types.ts'
import { escapedFormula } from '../../formats/formulas.ts'
import type { Contract } from '../contract/contract.ts'
import { orderSql } from '../contract/order.ts'
import { deliveredText } from './delivered-text.ts'

/**
 * The SELECT of a delivery as CSV: the contract's columns as CSV text, rows in the contract's order. Values are sorted as what they are and turned to text above the
 * sort: a projection keeps its input's order, as does a scan of files. `inOrder`: the files are in that order already, and are not sorted again.
 */
export function deliverySelect(dataset: Dataset, contract: Contract, inOrder = false): string {
  const texts = Object.keys(contract.columns).map(
    (name) => `${deliveredText(`t.${quoteIdentifier(name)}`, name, contract)} AS ${quoteIdentifier(headerName(name, contract))}`,
  )
  const order = inOrder ? '' : ` ORDER BY ${orderSql(contract)}`
  return `SELECT ${texts.join(', ')} FROM (${relationOfFiles(contract.columns, dataset.files)}${order}) AS t`
}

/** A column's name as the header has it. */
export function headerName(name: string, contract: Pick<Contract, 'formulas' | 'delimiter' | 'quote'>): string {
  return contract.formulas === 'escape' ? escapedFormula(name, contract) : name
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
