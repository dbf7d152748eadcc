import { type ColumnType, parseType, typeText } from '../../engines/types.ts'
import { isUtc } from '../../formats/csv-values.ts'
import { isBigNumber } from '../../formats/json-values.ts'
import { cellKind } from '../../formats/xlsx-cells.ts'
import type { Contract } from '../contract/contract.ts'
import type { FormatContract } from '../contract/export.ts'
import type { ExcelContract, NdjsonContract } from '../contract/table-contract.ts'
import { roundOf } from './delivered-text.ts'
import { typeInFile } from './typed-rows.ts'

/** How values of a contract's column look in the file, for people: `2 decimal places`, `ISO 8601 in UTC`. */
export function valueForm(name: string, contract: FormatContract): string {
  return contract.format === 'csv' ? csvForm(name, contract) : typedForm(name, contract)
}

/** In a format that has types. */
function typedForm(name: string, contract: Exclude<FormatContract, Contract>): string {
  const type = parseType(contract.columns[name] ?? 'text')
  const places = roundOf(name, contract)
  if (places !== undefined) return `rounded to ${counted(places)}`
  if (contract.format === 'xlsx') return cellForm(type, contract)
  if (contract.format === 'ndjson') return jsonForm(type, contract)
  return typeText(typeInFile(type))
}

function cellForm(type: ColumnType, contract: ExcelContract): string {
  const kind = cellKind(type, contract)
  return type.name === 'timestamptz' ? `${kind} in ${isUtc(contract.zone) ? 'UTC' : contract.zone}` : kind
}

function jsonForm(type: ColumnType, { bigNumbers, zone }: NdjsonContract): string {
  switch (type.name) {
    case 'boolean':
    case 'json':
      return type.name
    case 'list':
    case 'struct':
      return type.name === 'list' ? 'array' : 'object'
    case 'bytes':
      return 'hexadecimal'
    case 'date':
    case 'time':
    case 'timestamp':
      return 'ISO 8601'
    case 'timestamptz':
      return `ISO 8601 in ${isUtc(zone) ? 'UTC' : zone}`
    case 'text':
    case 'uuid':
    case 'interval':
      return 'text'
    default:
      return bigNumbers === 'text' && isBigNumber(type) ? 'digits, as text' : 'number'
  }
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
