import { ConfigError } from '../../core/errors.ts'
import { parseType } from '../../engines/types.ts'
import { type Breach, columnBreach } from './breach.ts'
import type { StatedField } from './descriptor-schema.ts'

/**
 * Bounds of numbers that the column's type alone does not keep: a uint8 is from 0 to 255, a decimal(4,2) from -99.99 to 99.99. Bounds of other values nobody can promise.
 * @throws ConfigError for those
 */
export function boundBreaches({ name, constraints }: StatedField, type: string): readonly Breach[] {
  const given = (['minimum', 'maximum'] as const).filter((each) => constraints?.[each] !== undefined)
  const range = rangeOf(type)
  return given.flatMap((each): readonly Breach[] => {
    const bound = Number(constraints?.[each])
    if (range === undefined || Number.isNaN(bound))
      throw new ConfigError(
        `a contract does not promise ${each} ${JSON.stringify(constraints?.[each])} of column "${name}", which is ${type}, so nobody can say whether it holds`,
        {
          column: name,
          hint: `take ${each} out of the file; what values must be is for a check of the pipeline, or for whoever reads them`,
        },
      )
    const reach = range[each]
    if (each === 'minimum' ? Number(reach) >= bound : Number(reach) <= bound) return []
    const what = `is ${type} and reaches ${reach}, expected ${each} ${bound}`
    return [columnBreach(name, `constraints.${each}`, what, `contract: columns: ${name}: a type that reaches no further`, [bound, reach])]
  })
}

/** The least and the greatest value of a type in digits; undefined where it has none, or has NaN and infinities. */
function rangeOf(text: string): { readonly minimum: string; readonly maximum: string } | undefined {
  const type = parseType(text)
  if (type.name === 'decimal') {
    const whole = '9'.repeat(type.precision - type.scale) || '0'
    const maximum = type.scale === 0 ? whole : `${whole}.${'9'.repeat(type.scale)}`
    return { minimum: `-${maximum}`, maximum }
  }
  const [, unsigned, digits] = /^(u?)int(\d+)$/.exec(type.name) ?? []
  if (digits === undefined) return undefined
  const half = 2n ** BigInt(Number(digits) - 1)
  return unsigned === 'u' ? { minimum: '0', maximum: `${2n * half - 1n}` } : { minimum: `${-half}`, maximum: `${half - 1n}` }
}
