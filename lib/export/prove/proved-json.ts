import { quoteIdentifier, quoteLiteral } from '../../core/quote.ts'
import { type ColumnType, duckdbType, parseType } from '../../engines/types.ts'
import { isBigNumber } from '../../formats/json-values.ts'
import type { NdjsonContract } from '../contract/table-contract.ts'
import { typedValue } from '../write/typed-rows.ts'

/** How the values of a column are compared: the type as which JSON is read, and the SQL of what it must come to, from that of the dataset's value. */
interface ProvedJson {
  readonly type: string
  /** SQL of what was read, from the column. */
  readonly read: (column: string) => string
  readonly of: (value: string) => string
}

/**
 * JSON is read as the column's own type. Decimals that are JSON numbers are compared as doubles, since DuckDB reads them so; of json, and of lists and structs that hold json or bytes, only what kind of value there is.
 */
export function provedJson(name: string, contract: NdjsonContract): ProvedJson {
  const type = parseType(contract.columns[name] ?? 'text')
  const same = (as: string) => ({ type: as, read: (column: string) => column, of: (value: string) => `CAST(${value} AS ${as})` })
  if (type.name === 'json' || (isNested(type) && holds(type, 'json', 'bytes')))
    return {
      type: 'JSON',
      read: (column) => `nullif(json_type(${column}), 'NULL')`,
      of: (value) =>
        type.name === 'json'
          ? `nullif(json_type(${value}), 'NULL')`
          : `CASE WHEN ${value} IS NOT NULL THEN '${type.name === 'list' ? 'ARRAY' : 'OBJECT'}' END`,
    }
  if (type.name === 'bytes') return { ...same('VARCHAR'), of: (value) => `lower(hex(${value}))` }
  const as = readType(type, contract)
  return { ...same(as), of: (value) => through(typedValue(value, name, contract), type, as) }
}

/** Decimals go through their text: DuckDB's own way to a double is inexact beyond 15 digits. */
function through(value: string, type: ColumnType, as: string): string {
  return holds(type, 'decimal') ? `CAST(CAST(${value} AS ${duckdbType(asTexts(type))}) AS ${as})` : `CAST(${value} AS ${as})`
}

function readType(type: ColumnType, contract: NdjsonContract): string {
  return duckdbType(
    mapped(type, (each) => {
      if (each.name === 'decimal') return contract.bigNumbers === 'text' && isBigNumber(each) ? each : { name: 'float64' }
      return each.name === 'uuid' || each.name === 'interval' ? { name: 'text' } : each
    }),
  )
}

function asTexts(type: ColumnType): ColumnType {
  return mapped(type, (each) => (each.name === 'decimal' || each.name === 'uuid' || each.name === 'interval' ? { name: 'text' } : each))
}

function mapped(type: ColumnType, scalar: (type: ColumnType) => ColumnType): ColumnType {
  if (type.name === 'list') return { name: 'list', of: mapped(type.of, scalar) }
  if (type.name === 'struct')
    return { name: 'struct', fields: type.fields.map((field) => ({ name: field.name, type: mapped(field.type, scalar) })) }
  return scalar(type)
}

function isNested({ name }: ColumnType): boolean {
  return name === 'list' || name === 'struct'
}

function holds(type: ColumnType, ...names: readonly ColumnType['name'][]): boolean {
  if (type.name === 'list') return holds(type.of, ...names)
  if (type.name === 'struct') return type.fields.some((field) => holds(field.type, ...names))
  return names.includes(type.name)
}

/** SELECT of what a file holds: `v0`, `v1`, … of the columns, and `n`, the row's number in the delivery, from 1 on. */
export function readJsonLines(file: string, contract: NdjsonContract, before: number): string {
  const names = Object.keys(contract.columns)
  const proved = names.map((name) => provedJson(name, contract))
  const columns = names.map((name, i) => `${quoteLiteral(name)}: ${quoteLiteral(proved[i]?.type ?? '')}`)
  const values = names.map((name, i) => `${proved[i]?.read(quoteIdentifier(name))} AS v${i}`)
  const compression = contract.compression === 'none' ? 'uncompressed' : contract.compression
  const source = `read_json(${quoteLiteral(file)}, auto_detect = false, format = 'newline_delimited', records = 'true', compression = '${compression}', columns = {${columns.join(', ')}})`
  return `SELECT ${values.join(', ')}, row_number() OVER () + ${before} AS n FROM ${source}`
}
