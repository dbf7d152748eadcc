import { type ColumnType, parseType } from '../../engines/types.ts'
import type { ReadColumn, ReadDialect } from '../../formats/read-dialect.ts'
import type { Contract } from '../contract/contract.ts'
import type { FormatContract } from '../contract/export.ts'
import { orderColumns } from '../contract/order.ts'
import { deliveredText, roundOf } from '../write/delivered-text.ts'
import { headerName, quotedColumns } from '../write/rows.ts'
import { typedValue } from '../write/typed-rows.ts'
import { provedJson } from './proved-json.ts'
import { provedCell } from './proved-xlsx.ts'

/** How the values of a column are compared: what the reader makes of a text, and the SQL of what it must come to. */
export interface ProvedValue {
  readonly kind: ReadColumn['kind']
  readonly scale: number
  /** SQL, from the SQL of the dataset's value. */
  readonly of: (value: string) => string
}

/** The same of any format. Those that have types are compared as the types that they have. */
export function comparedValue(
  name: string,
  contract: FormatContract,
): Omit<ProvedValue, 'scale' | 'kind'> & { readonly kind: ProvedValue['kind'] | 'typed' } {
  if (contract.format === 'csv') return provedValue(name, contract)
  const { name: type } = parseType(contract.columns[name] ?? 'text')
  if (contract.format === 'xlsx') return { kind: type === 'text' ? 'text' : 'typed', of: (value) => provedCell(value, name, contract) }
  if (contract.format === 'ndjson') return { kind: type === 'text' ? 'text' : 'typed', of: provedJson(name, contract).of }
  return { kind: type === 'text' ? 'text' : 'typed', of: (value) => typedValue(value, name, contract) }
}

/** A whole number that the reader holds in 64 bits. */
const DIGITS = 18

/**
 * Values whose text says them in one way are compared as what they are, so that the dataset's side shares nothing with the writer but the Parquet files: booleans, integers, decimals, dates and timestamps in ISO 8601. Other columns are
 * compared as texts.
 */
export function provedValue(name: string, contract: Contract): ProvedValue {
  const type = parseType(contract.columns[name] ?? 'text')
  const asIs = (kind: ProvedValue['kind']): ProvedValue => ({ kind, scale: 0, of: (value) => value })
  switch (type.name) {
    case 'boolean':
      return asIs('boolean')
    case 'uint64':
      return asIs('whole')
    case 'int8':
    case 'int16':
    case 'int32':
    case 'int64':
    case 'uint8':
    case 'uint16':
    case 'uint32':
      return { kind: 'whole', scale: 0, of: (value) => `CAST(${value} AS BIGINT)` }
    case 'decimal':
      return provedDecimal(type, roundOf(name, contract)) ?? asText(name, contract)
    case 'date':
      return contract.dateFormat === undefined ? asIs('date') : asText(name, contract)
    case 'timestamp':
    case 'timestamptz':
      return contract.timestampFormat === undefined ? asIs(type.name) : asText(name, contract)
    default:
      return asText(name, contract)
  }
}

function provedDecimal(
  { precision, scale }: ColumnType & { readonly name: 'decimal' },
  round: number | undefined,
): ProvedValue | undefined {
  const places = round ?? scale
  const digits = round === undefined ? precision : Math.min(38, precision - scale + round + 1)
  if (digits > DIGITS) return undefined
  return {
    kind: 'decimal',
    scale: places,
    of: (value) => `CAST(CAST(${value} AS DECIMAL(${digits},${places})) AS DECIMAL(${DIGITS},${places}))`,
  }
}

function asText(name: string, contract: Contract): ProvedValue {
  return { kind: 'text', scale: 0, of: (value) => `CAST(${deliveredText(value, name, contract)} AS VARCHAR)` }
}

/** What the contract promises of a file, as the reader wants it. */
export function provedDialect(contract: Contract): ReadDialect {
  const names = Object.keys(contract.columns)
  const quoted = new Set(quotedColumns(contract))
  const columns = names.map((name): ReadColumn => {
    const { kind, scale } = provedValue(name, contract)
    return { name, kind, scale, quoted: quoted.has(headerName(name, contract)) }
  })
  return {
    delimiter: contract.delimiter,
    quote: contract.quote,
    escape: contract.escape,
    null: contract.null,
    header: contract.header ? names.map((name) => headerName(name, contract)) : undefined,
    lineEnd: contract.lineEnd,
    booleans: contract.booleans,
    decimalPoint: contract.decimalPoint,
    columns,
    keys: orderColumns(contract).map(({ name }) => names.indexOf(name)),
  }
}
