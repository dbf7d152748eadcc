import { parseType, typeText } from '../engines/types.ts'
import { isUtc } from '../formats/csv-values.ts'
import type { Contract } from './contract.ts'
import type { FormatContract } from './export.ts'
import type { CommonContract } from './table-contract.ts'

/** How values of a contract's column look in the file, for people: `2 decimal places`, `ISO 8601 in UTC`. */
export function valueForm(name: string, contract: FormatContract): string {
  return contract.format === 'csv' ? csvForm(name, contract) : typedForm(name, contract)
}

/** In a format that has types. */
function typedForm(name: string, contract: CommonContract): string {
  const type = parseType(contract.columns[name] ?? 'text')
  const places = (contract.round as Readonly<Record<string, number | undefined>>)[name]
  if (places !== undefined) return `rounded to ${counted(places)}`
  return type.name === 'uuid' || type.name === 'json' || type.name === 'interval' ? 'text' : typeText(type)
}

function csvForm(name: string, contract: Contract): string {
  const type = parseType(contract.columns[name] ?? 'text')
  const rounding: Readonly<Record<string, number | undefined>> = contract.round
  const places = rounding[name]
  const comma = contract.decimalPoint === ',' ? ', a comma before them' : ''
  switch (type.name) {
    case 'boolean':
      return contract.booleans.join(', ')
    case 'decimal':
      return `${counted(places ?? type.scale)}${comma}`
    case 'float32':
    case 'float64':
      return `${places === undefined ? 'as many decimal places as it takes' : counted(places)}${comma}`
    case 'text':
    case 'uuid':
      return 'as it is'
    case 'json':
    case 'list':
    case 'struct':
      return 'JSON'
    case 'bytes':
      return 'hexadecimal'
    case 'date':
      return contract.dateFormat ?? 'ISO 8601'
    case 'time':
      return 'ISO 8601'
    case 'timestamp':
      return contract.timestampFormat ?? 'ISO 8601'
    case 'timestamptz':
      return `${contract.timestampFormat ?? 'ISO 8601'} in ${isUtc(contract.zone) ? 'UTC' : contract.zone}`
    case 'interval':
      return '1 year 2 months 3 days 04:05:06.7'
    default:
      return 'digits'
  }
}

function counted(places: number): string {
  return `${places} decimal ${places === 1 ? 'place' : 'places'}`
}
