import { parseType, typeText } from '../../engines/types.ts'
import type { FormatContract } from '../contract/export.ts'
import { roundOf } from '../write/delivered-text.ts'

/** Digits of a decimal that the engine holds in 64 bits. */
const DIGITS = 18

/**
 * The type of a delivered column whose texts follow from its values and its values from the texts, because the engine's own text of a value is what a comparison sees: whole numbers, decimals, booleans and dates that the
 * contract writes no other way. Two such columns of one type hold equal texts where they hold equal values. undefined: of this column, texts alone are sure (a float's `-0.0` equals `0.0`, and does not read the same).
 */
export function plainType(name: string, contract: FormatContract): string | undefined {
  if (contract.format === 'ndjson' || contract.format === 'xlsx') return undefined
  const type = parseType(contract.columns[name] ?? 'text')
  const isCsv = contract.format === 'csv'
  switch (type.name) {
    case 'int8':
    case 'int16':
    case 'int32':
    case 'int64':
    case 'uint8':
    case 'uint16':
    case 'uint32':
    case 'uint64':
      return type.name
    case 'decimal':
      return type.precision <= DIGITS && roundOf(name, contract) === undefined && !(isCsv && contract.decimalPoint === ',')
        ? typeText(type)
        : undefined
    case 'boolean':
      return isCsv && contract.booleans.join() !== 'true,false' ? undefined : type.name
    case 'date':
      return isCsv && contract.dateFormat !== undefined ? undefined : type.name
    default:
      return undefined
  }
}
