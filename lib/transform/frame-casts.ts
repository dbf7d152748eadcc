import { isNode, type TreeNode } from './sql-tree.ts'

/** A cast of a frame that makes NULL of what does not fit. */
export interface LossyCast {
  /** The column that is cast. */
  readonly column: string
  /** Types as in schema.ts; what is written in the frame for the second one. */
  readonly from: string
  readonly to: string
}

/**
 * Casts in Polars' serialized plan that are not strict, which `.cast(type)` is not unless it is told to be, of columns whose type is known and whose values need not fit. Casts of what is computed, whose type
 * the plan does not say, are left out.
 */
export function lossyCasts(body: unknown, types: ReadonlyMap<string, string>): readonly LossyCast[] {
  if (Array.isArray(body)) return body.flatMap((each) => lossyCasts(each, types))
  if (!isNode(body)) return []
  const own = isNode(body.Cast) ? lossyCast(body.Cast, types) : undefined
  return [...(own ? [own] : []), ...Object.values(body).flatMap((each) => lossyCasts(each, types))]
}

function lossyCast({ expr, dtype, options }: TreeNode, types: ReadonlyMap<string, string>): LossyCast | undefined {
  const column = columnOf(expr)
  const from = column === undefined ? undefined : types.get(column)
  const to = isNode(dtype) ? typeOf(dtype.Literal) : undefined
  if (options !== 'NonStrict' || column === undefined || from === undefined || to === undefined || fits(from, to)) return undefined
  return { column, from, to }
}

/** A column, or the least, greatest, first or last of its values. */
function columnOf(expr: unknown): string | undefined {
  if (!isNode(expr)) return undefined
  if (typeof expr.Column === 'string') return expr.Column
  if (!isNode(expr.Agg)) return undefined
  const inner = expr.Agg.Min ?? expr.Agg.Max ?? expr.Agg.First ?? expr.Agg.Last
  return columnOf(isNode(inner) && isNode(inner.input) ? inner.input : inner)
}

/** The name in schema.ts of a type that not every value fits. */
function typeOf(dtype: unknown): string | undefined {
  if (isNode(dtype) && Array.isArray(dtype.Decimal)) return `decimal(${dtype.Decimal.join(',')})`
  if (isNode(dtype) && 'Datetime' in dtype) return 'timestamp'
  const name = typeof dtype === 'string' ? dtype.toLowerCase() : ''
  return /^(u?int(8|16|32|64)|float(32|64)|boolean|date|time)$/.test(name) ? name : undefined
}

/** Whether every value of a type is one of another, digits behind the point and beyond 2⁵³ left out. */
function fits(from: string, to: string): boolean {
  if (from === 'text' || from === 'json') return false
  if (/^(float|boolean|date$|time)/.test(to)) return true
  if (from === 'boolean') return true
  const [digits, bits] = [digitsBefore(from), bitsOf(to)]
  if (bits === undefined) return digits !== undefined && digits <= (digitsBefore(to) ?? 0)
  if (from === 'date') return bits >= 32
  if (/^time/.test(from)) return bits >= 64
  const own = bitsOf(from)
  return own !== undefined && (from.startsWith('u') ? own + (to.startsWith('u') ? 0 : 1) <= bits : !to.startsWith('u') && own <= bits)
}

/** Digits before the point that a type of whole numbers or decimals may have. */
function digitsBefore(type: string): number | undefined {
  const [, precision, scale] = /^decimal\((\d+),(\d+)\)$/.exec(type) ?? []
  if (precision !== undefined) return Number(precision) - Number(scale)
  const bits = bitsOf(type)
  return bits === undefined ? undefined : String(2n ** BigInt(bits - (type.startsWith('u') ? 0 : 1))).length
}

function bitsOf(type: string): number | undefined {
  const [, bits] = /^u?int(8|16|32|64)$/.exec(type) ?? []
  return bits === undefined ? undefined : Number(bits)
}
