import { type ColumnType, parseType } from '../../engines/types.ts'
import { csvValue } from '../../formats/csv-values.ts'
import { replaceUnfit } from '../../formats/encodings.ts'
import { escapeFormula } from '../../formats/formulas.ts'
import type { Contract } from '../contract/contract.ts'

/** The SQL of a column's value, itself SQL, as the file has it, but for quotes. */
export function deliveredText(value: string, name: string, contract: Contract): string {
  const type = parseType(contract.columns[name] ?? 'text')
  const text = csvValue(value, type, contract, roundOf(name, contract))
  if (!isTextual(type)) return text
  const fit = contract.unfit === 'replace' ? replaceUnfit(text, contract.encoding) : text
  return contract.formulas === 'escape' ? escapeFormula(fit, contract) : fit
}

/** Decimal places to which a column is rounded. */
export function roundOf(name: string, { round }: { readonly round: Readonly<Record<string, number | undefined>> }): number | undefined {
  return round[name]
}

/** Whether a value's text holds somebody's words: only such texts can be formulas, or have characters that an encoding has not. A list of numbers has none. */
export function isTextual(type: ColumnType): boolean {
  switch (type.name) {
    case 'text':
    case 'json':
      return true
    case 'list':
      return isTextual(type.of)
    case 'struct':
      return type.fields.some((field) => isTextual(field.type) || !/^\w*$/.test(field.name))
    default:
      return false
  }
}
