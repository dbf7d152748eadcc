import { quoteLiteral } from '../core/quote.ts'
import type { ColumnType } from '../engines/types.ts'
import { csvValue } from './csv-values.ts'

/** What a contract says about values in JSON. */
export interface JsonFormats {
  /** Zone in which timestamptz is written: the session's TimeZone is the same. */
  readonly zone: string
  /** How whole numbers of 64 bits and decimals of more than 15 digits are written. */
  readonly bigNumbers: 'number' | 'text'
}

/** Whether a type has numbers that a double does not hold. */
export function isBigNumber(type: ColumnType): boolean {
  return type.name === 'int64' || type.name === 'uint64' || (type.name === 'decimal' && type.precision > 15)
}

/**
 * SQL for the JSON text of a value, never NULL. Texts and forms of dates, times, intervals and bytes are those of CSV.
 *
 * | type | JSON |
 * | --- | --- |
 * | boolean | `true`, `false` |
 * | integers, decimals, floats | number, with all digits; `bigNumbers: 'text'` writes int64, uint64 and decimals of more than 15 digits as texts. With `round` fixed decimal places |
 * | json | the value itself, its line ends outside of texts as spaces |
 * | list, struct | array, object |
 * | all others | text: dates and times in ISO 8601, bytes in hexadecimal |
 */
export function jsonValue(value: string, type: ColumnType, formats: JsonFormats, round?: number): string {
  return `coalesce(${text(value, type, formats, 0, round)}, 'null')`
}

function text(value: string, type: ColumnType, formats: JsonFormats, depth: number, round?: number): string {
  const inner = (of: string, each: ColumnType) => `coalesce(${text(of, each, formats, depth + 1)}, 'null')`
  const inQuotes = (of: string) => `'"' || CAST(${of} AS VARCHAR) || '"'`
  switch (type.name) {
    case 'list': {
      const item = `j${depth}`
      return `'[' || array_to_string(list_transform(${value}, lambda ${item}: ${inner(item, type.of)}), ',') || ']'`
    }
    case 'struct': {
      const fields = type.fields.map(
        ({ name, type: each }) =>
          `${quoteLiteral(`${JSON.stringify(name)}:`)} || ${inner(`struct_extract(${value}, ${quoteLiteral(name)})`, each)}`,
      )
      return `CASE WHEN ${value} IS NOT NULL THEN '{' || ${fields.join(` || ',' || `)} || '}' END`
    }
    case 'json':
      return `translate(CAST(${value} AS VARCHAR), chr(10) || chr(13), '  ')`
    case 'boolean':
    case 'int8':
    case 'int16':
    case 'int32':
    case 'uint8':
    case 'uint16':
    case 'uint32':
      return `CAST(${value} AS VARCHAR)`
    case 'int64':
    case 'uint64':
    case 'decimal':
      return formats.bigNumbers === 'text' && isBigNumber(type) ? inQuotes(value) : `CAST(${value} AS VARCHAR)`
    case 'text':
      return `CAST(to_json(${value}) AS VARCHAR)`
    default: {
      const plain = csvValue(value, type, { ...PLAIN, zone: formats.zone }, round)
      return type.name === 'float32' || type.name === 'float64' ? plain : inQuotes(plain)
    }
  }
}

const PLAIN = { dateFormat: undefined, timestampFormat: undefined, booleans: ['true', 'false'], decimalPoint: '.' } as const
