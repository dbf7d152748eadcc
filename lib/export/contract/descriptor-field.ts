import { parseType } from '../../engines/types.ts'
import { isBigNumber } from '../../formats/json-values.ts'
import { strptimeOf } from '../../formats/strptime.ts'
import { headerName } from '../write/rows.ts'
import type { WrittenContract } from './contract-changes.ts'

/** Types of Frictionless Table Schema that a delivered column may have. */
export const FIELD_TYPES = ['array', 'boolean', 'date', 'datetime', 'integer', 'number', 'object', 'string', 'time'] as const
export type FieldType = (typeof FIELD_TYPES)[number]

/** A column as Frictionless Table Schema has it (https://datapackage.org/standard/table-schema/#field). */
export interface Field {
  readonly name: string
  readonly type: FieldType
  /** Absent: `default`. */
  readonly format?: string
  readonly trueValues?: readonly string[]
  readonly falseValues?: readonly string[]
  /** Absent: a point. */
  readonly decimalChar?: string
  readonly constraints?: { readonly required: true }
  /** What stands for NULL here, where that is not what the schema says. */
  readonly missingValues?: readonly string[]
}

/** The field of a contract's column, by its name in the header. */
export function fieldOf(column: WrittenContract['columns'][number], contract: WrittenContract): Field {
  return {
    name: fieldName(column.name, contract),
    ...typeOf(column.type, contract),
    ...(column.notNull && { constraints: { required: true } }),
    // In a file only quotes tell the null text from the same text as a value, and most readers lose them: where there is no NULL, nothing is to be taken for one.
    ...(column.notNull && contract.format === 'csv' && mayBeAnyText(column.type) && { missingValues: [] }),
  }
}

/** A column's name as the file has it. */
export function fieldName(name: string, contract: WrittenContract): string {
  return contract.format === 'csv' ? headerName(name, contract) : name
}

/**
 * | type | field |
 * | --- | --- |
 * | boolean | `boolean` with its `trueValues` and `falseValues` |
 * | integers | `integer` |
 * | decimal, float32, float64 | `number`, with `decimalChar` where it is a comma |
 * | text, json, bytes, interval | `string` |
 * | uuid | `string` of format `uuid` |
 * | date | `date`, with the pattern of `dateFormat` |
 * | time | `time` of format `any`: the default one has no fractions |
 * | timestamp, timestamptz | `datetime`, with the pattern of `timestampFormat` |
 * | list, struct | `array`, `object` |
 *
 * A format that strptime cannot read is `any`. The texts of values are those of CSV alone.
 */
function typeOf(type: string, contract: WrittenContract): Omit<Field, 'name'> {
  const parsed = parseType(type)
  const { name } = parsed
  if ('bigNumbers' in contract && contract.bigNumbers === 'text' && isBigNumber(parsed)) return { type: 'string' }
  const texts = contract.format === 'csv' ? contract : undefined
  switch (name) {
    case 'boolean':
      return { type: 'boolean', ...(texts && { trueValues: [texts.booleans[0]], falseValues: [texts.booleans[1]] }) }
    case 'decimal':
    case 'float32':
    case 'float64':
      return { type: 'number', ...(texts && texts.decimalPoint !== '.' && { decimalChar: texts.decimalPoint }) }
    case 'text':
    case 'json':
    case 'bytes':
    case 'interval':
      return { type: 'string' }
    case 'uuid':
      return { type: 'string', format: 'uuid' }
    case 'date':
      return { type: 'date', ...patternOf(texts?.dateFormat ?? null) }
    case 'time':
      return { type: 'time', format: 'any' }
    case 'timestamp':
    case 'timestamptz':
      return { type: 'datetime', ...patternOf(texts?.timestampFormat ?? null) }
    case 'list':
      return { type: 'array' }
    case 'struct':
      return { type: 'object' }
    default:
      return { type: 'integer' }
  }
}

function patternOf(format: string | null): { readonly format?: string } {
  return format === null ? {} : { format: strptimeOf(format) ?? 'any' }
}

/** Whether a value may be any text, so the null text as well. */
function mayBeAnyText(type: string): boolean {
  const { name } = parseType(type)
  return name === 'text' || name === 'json' || name === 'bytes'
}
