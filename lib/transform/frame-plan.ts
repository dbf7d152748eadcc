import type { LazyDataFrame } from 'nodejs-polars'
import type { Columns } from '../core/dataset.ts'
import type { BoundDataset } from './bound.ts'
import { isNode, type TreeNode } from './sql-tree.ts'

/** What a frame's own plan tells beyond its columns. */
export interface FramePlan {
  /** Result columns that are sums or means of floats. */
  readonly floatAggregates: readonly string[]
  /** Result columns that are float because a JavaScript number met integers. */
  readonly turnedFloat: readonly string[]
  /** Result columns that add up integers of 32 bits, in 32 bits. */
  readonly wrappingSums: readonly string[]
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
    return { floatAggregates: [], turnedFloat: [], wrappingSums: [] }
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
      ...new Set(expressions.filter(({ body }) => some(body, (node) => addsUp32(node, types))).map(({ name }) => name)),
    ].filter((name) => isInt32(columns[name])),
  }
}

function isInt32(type: string | undefined): boolean {
  return /^u?int32$/.test(type ?? '')
}

/** A sum, or a running one, of columns of 32 bits: Polars widens 8 and 16 bits, but not these. */
function addsUp32(node: TreeNode, types: ReadonlyMap<string, string>): boolean {
  const called =
    isNode(node.Function) && isNode(node.Function.function) && 'CumSum' in node.Function.function ? node.Function.input : undefined
  const summed = isNode(node.Agg) ? node.Agg.Sum : called
  const names = columnsIn(summed)
  return names.length > 0 && names.every((name) => isInt32(types.get(name))) && !some(summed, (each) => 'Cast' in each)
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
  return typeof body.Column === 'string' ? [body.Column] : Object.values(body).flatMap(columnsIn)
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
