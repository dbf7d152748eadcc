import type { LazyDataFrame } from 'nodejs-polars'
import type { Columns } from '../core/dataset.ts'
import type { BoundDataset } from './bound.ts'
import { type LossyCast, lossyCasts } from './frame-casts.ts'
import { isNode, type TreeNode } from './sql-tree.ts'

/** What a frame's own plan tells beyond its columns. */
export interface FramePlan {
  /** Result columns that are sums or means of floats. */
  readonly floatAggregates: readonly string[]
  /** Result columns that are float because a JavaScript number met integers. */
  readonly turnedFloat: readonly string[]
  /** Result columns that add up integers of 32 or 64 bits, in as many bits. */
  readonly wrappingSums: readonly string[]
  readonly lossyCasts: readonly LossyCast[]
}

interface Expression {
  readonly name: string
  readonly body: unknown
}

/**
 * Reads the plan that Polars serializes. Columns are followed by name, so a name that changes its meaning on the way may be told of without need; a plan that
 * Polars cannot serialize tells nothing.
 */
export function readFramePlan(frame: LazyDataFrame, inputs: readonly BoundDataset[], columns: Columns): FramePlan {
  let plan: unknown
  try {
    plan = JSON.parse(frame.serialize('json').toString())
  } catch {
    return { floatAggregates: [], turnedFloat: [], wrappingSums: [], lossyCasts: [] }
  }
  const expressions = expressionsOf(plan)
  const types = new Map<string, string>([...Object.entries(columns), ...inputs.flatMap((input) => Object.entries(input.columns))])
  const isFloatResult = (name: string) => /^float(32|64)$/.test(columns[name] ?? '')
  const wholes = (body: unknown): boolean => integral(body, types)
  return {
    floatAggregates: [...aggregated(expressions, inputs, types)].filter(isFloatResult),
    turnedFloat: [
      ...new Set(expressions.filter(({ body }) => some(body, (node) => meetsNumber(node, wholes))).map(({ name }) => name)),
    ].filter(isFloatResult),
    wrappingSums: [
      ...new Set([
        ...expressions.flatMap(({ name, body }) => {
          const summed = summedIn(body, types)
          return isNode(body) && 'Alias' in body ? summed.slice(0, 1).map(() => name) : summed
        }),
        ...summedFrame(plan, expressions, columns).filter((name) => isWide(types.get(name))),
      ]),
    ].filter((name) => isWide(columns[name])),
    lossyCasts: distinct(
      lossyCasts(
        expressions.map(({ body }) => body),
        types,
      ),
    ),
  }
}

function distinct(casts: readonly LossyCast[]): readonly LossyCast[] {
  return [...new Map(casts.map((each) => [`${each.column} ${each.to}`, each])).values()]
}

function isWide(type: string | undefined): boolean {
  return /^u?int(32|64)$/.test(type ?? '')
}

/** The columns of sums, running ones among them, of integers of 32 or 64 bits: Polars widens 8 and 16 bits, but not these. What is cast before was thought of. */
function summedIn(body: unknown, types: ReadonlyMap<string, string>): string[] {
  if (Array.isArray(body)) return body.flatMap((each) => summedIn(each, types))
  if (!isNode(body)) return []
  const called =
    isNode(body.Function) && isNode(body.Function.function) && 'CumSum' in body.Function.function ? body.Function.input : undefined
  const summed = isNode(body.Agg) ? body.Agg.Sum : called
  const names = columnsIn(summed)
  const whole = names.every((name) => /^u?int/.test(types.get(name) ?? ''))
  const own = whole && !some(summed, (each) => 'Cast' in each) ? names.filter((name) => isWide(types.get(name))) : []
  return [...own, ...Object.values(body).flatMap((each) => summedIn(each, types))]
}

/** The columns of `frame.sum()`, where that is the frame's last word, but for those that are cast before. */
function summedFrame(plan: unknown, expressions: readonly Expression[], columns: Columns): string[] {
  const last = isNode(plan) && isNode(plan.MapFunction) ? plan.MapFunction.function : undefined
  if (!isNode(last) || last.Stats !== 'Sum') return []
  const cast = new Set(expressions.filter(({ body }) => some(body, (node) => 'Cast' in node)).map(({ name }) => name))
  return Object.keys(columns).filter((name) => !cast.has(name))
}

function expressionsOf(plan: unknown): Expression[] {
  const found: Expression[] = []
  const visit = (value: unknown): void => {
    if (!isNode(value) && !Array.isArray(value)) return
    if (Array.isArray(value)) {
      for (const item of value) visit(item)
      return
    }
    for (const [key, child] of Object.entries(value)) {
      const list = isNode(child) ? { HStack: child.exprs, Select: child.expr, GroupBy: child.aggs }[key] : undefined
      if (Array.isArray(list)) found.push(...list.map((body) => ({ name: nameOf(body), body })))
      visit(child)
    }
  }
  visit(plan)
  return found
}

function nameOf(body: unknown): string {
  if (!isNode(body)) return ''
  if (Array.isArray(body.Alias)) return String(body.Alias[1])
  return columnsIn(body)[0] ?? ''
}

function columnsIn(body: unknown): string[] {
  if (Array.isArray(body)) return body.flatMap(columnsIn)
  if (!isNode(body)) return []
  if (typeof body.Column === 'string') return [body.Column]
  // pl.col('a', 'b')
  if (isNode(body.ByName) && Array.isArray(body.ByName.names)) return body.ByName.names.map(String)
  return Object.values(body).flatMap(columnsIn)
}

function some(body: unknown, test: (node: TreeNode) => boolean): boolean {
  if (Array.isArray(body)) return body.some((item) => some(item, test))
  return isNode(body) && (test(body) || Object.values(body).some((child) => some(child, test)))
}

function aggregated(expressions: readonly Expression[], inputs: readonly BoundDataset[], types: ReadonlyMap<string, string>): Set<string> {
  const found = new Set(inputs.flatMap((input) => input.floatAggregates))
  const inexact = (node: TreeNode): boolean => {
    if (!isNode(node.Agg)) return false
    if ('Std' in node.Agg || 'Var' in node.Agg) return true
    const summed = node.Agg.Sum ?? node.Agg.Mean
    return summed !== undefined && !columnsIn(summed).every((name) => /^(u?int|decimal)/.test(types.get(name) ?? ''))
  }
  for (let size = -1; size !== found.size; ) {
    size = found.size
    for (const { name, body } of expressions)
      if (!isRounded(body) && (some(body, inexact) || columnsIn(body).some((column) => found.has(column)))) found.add(name)
  }
  return found
}

function isRounded(body: unknown): boolean {
  const inner = isNode(body) && Array.isArray(body.Alias) ? body.Alias[0] : body
  return isNode(inner) && isNode(inner.Function) && isNode(inner.Function.function) && 'Round' in inner.Function.function
}

const ARITHMETIC = ['Plus', 'Minus', 'Multiply', 'Modulus', 'FloorDivide']

/** A whole JavaScript number, a Float64 literal to Polars, beside integers. */
function meetsNumber(node: TreeNode, wholes: (body: unknown) => boolean): boolean {
  const binary = node.BinaryExpr
  if (isNode(binary) && ARITHMETIC.includes(String(binary.op)))
    return (isWholeFloat(binary.left) && wholes(binary.right)) || (isWholeFloat(binary.right) && wholes(binary.left))
  const ternary = node.Ternary
  return (
    isNode(ternary) && ((isWholeFloat(ternary.truthy) && wholes(ternary.falsy)) || (isWholeFloat(ternary.falsy) && wholes(ternary.truthy)))
  )
}

function isWholeFloat(body: unknown): boolean {
  const scalar = isNode(body) && isNode(body.Literal) && isNode(body.Literal.Scalar) ? body.Literal.Scalar : undefined
  return scalar !== undefined && Number.isInteger(scalar.Float64)
}

/** A column of integers, or arithmetic and sums of such. */
function integral(body: unknown, types: ReadonlyMap<string, string>): boolean {
  if (!isNode(body)) return false
  if (typeof body.Column === 'string') return /^u?int/.test(types.get(body.Column) ?? '')
  if (isNode(body.BinaryExpr) && ARITHMETIC.includes(String(body.BinaryExpr.op)))
    return integral(body.BinaryExpr.left, types) && (integral(body.BinaryExpr.right, types) || isWholeFloat(body.BinaryExpr.right))
  const summed = isNode(body.Agg) ? (body.Agg.Sum ?? body.Agg.Min ?? body.Agg.Max) : undefined
  return integral(isNode(summed) && isNode(summed.input) ? summed.input : summed, types)
}
