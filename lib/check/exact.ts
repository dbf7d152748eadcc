import { ConfigError } from '../core/errors.ts'
import { duckdbType, parseType } from '../engines/types.ts'

/** How a column is compared with given values: both cast to `type`, in which neither loses a digit. */
export interface Comparison {
  /** DuckDB's name of the type. */
  readonly type: string
  /** As they are bound. */
  readonly values: readonly (string | number | boolean)[]
}

type Value = string | number | boolean

/** What kinds of columns there are, for rules. */
export type Family = 'number' | 'text' | 'boolean' | 'time' | 'nested' | 'other'

export function familyOf(type: string): Family {
  const { name } = parseType(type)
  if (/^(u?int|float|decimal)/.test(name)) return 'number'
  if (['date', 'timestamp', 'timestamptz'].includes(name)) return 'time'
  if (name === 'list' || name === 'struct') return 'nested'
  return name === 'text' || name === 'boolean' ? name : 'other'
}

/**
 * The type in which a column of type `columnType` and `values` are compared: DECIMAL wide enough for integers, decimals and the values' own digits; the column's own for
 * all but numbers. DOUBLE only where 38 digits do not suffice.
 * @throws ConfigError where a value is not of the column's kind
 */
export function comparisonOf(columnType: string, values: readonly Value[]): Comparison {
  const type = parseType(columnType)
  const family = familyOf(columnType)
  const wrong = values.find((value) => !fits(value, family))
  if (wrong !== undefined) throw new ConfigError(`${JSON.stringify(wrong)} is no value of a column of type ${columnType}`)
  if (family !== 'number') return { type: duckdbType(type), values }
  // Bound as text: the engine's own binding takes no integral number beyond 64 bits.
  if (type.name === 'float32' || type.name === 'float64') return { type: duckdbType(type), values: values.map(String) }
  const digits = values.map((value) => /^-?(\d+)(?:\.(\d+))?$/.exec(String(value)))
  const whole = Math.max(type.name === 'decimal' ? type.precision - type.scale : 20, ...digits.map((match) => match?.[1]?.length ?? 39))
  const scale = Math.max(type.name === 'decimal' ? type.scale : 0, ...digits.map((match) => match?.[2]?.length ?? 0))
  if (whole + scale > 38) return { type: 'DOUBLE', values: values.map(String) }
  if (scale === 0 && whole <= 20 && type.name !== 'uint64' && type.name !== 'decimal' && values.every(Number.isSafeInteger))
    return { type: 'BIGINT', values }
  return { type: `DECIMAL(${whole + scale},${scale})`, values: values.map(String) }
}

/** Text stands for a number where JavaScript's own cannot hold it, and for every kind of value that JavaScript lacks. */
function fits(value: Value, family: Family): boolean {
  if (typeof value === 'number') return family === 'number'
  if (typeof value === 'boolean') return family === 'boolean'
  if (family === 'number') return value.trim() !== '' && !Number.isNaN(Number(value))
  return family !== 'boolean' && family !== 'nested'
}
