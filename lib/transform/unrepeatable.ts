import { isNode, type TreeNode } from './sql-tree.ts'

/** Aggregates of which the order of rows decides, unless they have an ORDER BY of their own. */
const OF_ORDER: Readonly<Record<string, string>> = {
  ...asEach(['first', 'last', 'any_value', 'arbitrary'], 'takes the row that comes by'),
  ...asEach(['arg_min', 'argmin', 'min_by', 'arg_max', 'argmax', 'max_by'], 'takes any of the rows that tie'),
  ...asEach(['list', 'array_agg', 'string_agg', 'group_concat', 'listagg'], 'joins rows as they come by'),
}
/** Window functions of which the order of rows decides; rank and its like give the same for all rows where there is none. */
const WINDOWS_OF_ORDER = ['row_number', 'ntile', 'lag', 'lead', 'first_value', 'last_value', 'nth_value', 'first', 'last']
/** Aggregates that keep a sample of the rows, by the order in which they come; what is exact. */
const APPROXIMATE: Readonly<Record<string, string>> = {
  ...asEach(['approx_quantile', 'reservoir_quantile'], 'quantile_cont()'),
  approx_top_k: 'count(*) with ORDER BY and LIMIT',
}
const ONE_ROW = /^(count|count_star|sum|avg|mean|min|max|bool_and|bool_or|approx_count_distinct|median|mode|quantile\w*)$/

/** What in a parsed SELECT depends on the order in which threads bring rows, so that a rerun may give other rows: one sentence for each kind, once. */
export function unrepeatableParts(root: TreeNode): string[] {
  const found = new Set<string>()
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(visit)
    if (!isNode(value)) return
    for (const sentence of faultsOf(value)) found.add(sentence)
    Object.values(value).forEach(visit)
  }
  visit(root)
  return [...found]
}

function faultsOf(node: TreeNode): string[] {
  const name = typeof node.function_name === 'string' ? node.function_name.toLowerCase() : ''
  if (node.class === 'FUNCTION' && Object.hasOwn(OF_ORDER, name) && ordersOf(node.order_bys).length === 0)
    return [`${name}() without ORDER BY ${OF_ORDER[name]}; a rerun may come to another value: write ${name}(… ORDER BY …)`]
  if (Object.hasOwn(APPROXIMATE, name))
    return [`${name}() goes by the order in which rows come; a rerun may come to another value: write ${APPROXIMATE[name]}`]
  if (node.class === 'WINDOW')
    return (WINDOWS_OF_ORDER.includes(name) || isFramedByRows(node)) && isEmpty(node.orders) && isEmpty(node.arg_orders)
      ? [`${name}() OVER a window without ORDER BY takes rows as they come by; a rerun may come to other values: write OVER (… ORDER BY …)`]
      : []
  const sample = isNode(node.sample) && node.sample.seed === -1
  return [
    ...(sample ? ['a sample without REPEATABLE takes other rows on a rerun: choose by a hash: WHERE hash(key) % 100 < 10'] : []),
    ...(typeof node.type === 'string' && /_NODE$/.test(node.type) ? faultsOfModifiers(node) : []),
  ]
}

/** Whether a window counts rows, of which those that tie come in any order; RANGE and GROUPS take all that tie. */
export function isFramedByRows({ start, end }: TreeNode): boolean {
  return [start, end].some((bound) => typeof bound === 'string' && bound.endsWith('_ROWS'))
}

function faultsOfModifiers(node: TreeNode): string[] {
  const modifiers = (Array.isArray(node.modifiers) ? node.modifiers : []).filter(isNode)
  if (modifiers.some(({ type }) => type === 'ORDER_MODIFIER') || isOrdered(node.from_table)) return []
  const limit = modifiers.find(({ type }) => type === 'LIMIT_MODIFIER' || type === 'LIMIT_PERCENT_MODIFIER')
  const cuts = limit !== undefined && (cutsAt(limit.limit) || cutsAt(limit.offset)) && !givesEqualRows(node)
  const on = modifiers.some(({ type, distinct_on_targets: targets }) => type === 'DISTINCT_MODIFIER' && !isEmpty(targets))
  return [
    ...(cuts ? ['LIMIT without ORDER BY takes the rows that come by; a rerun may take others: write ORDER BY … before it'] : []),
    ...(on ? ['DISTINCT ON without ORDER BY takes the row that comes by; a rerun may take another: write ORDER BY …'] : []),
  ]
}

/** False for what is not there, NULL (LIMIT ALL) and 0. */
function cutsAt(bound: unknown): boolean {
  if (!isNode(bound)) return false
  return !isNode(bound.value) || (bound.value.is_null !== true && bound.value.value !== 0)
}

/** A subquery with an order: DuckDB keeps it. */
function isOrdered(from: unknown): boolean {
  const inner = isNode(from) && from.type === 'SUBQUERY' && isNode(from.subquery) ? from.subquery.node : undefined
  return (
    isNode(inner) &&
    ordersOf(Array.isArray(inner.modifiers) ? inner.modifiers.find((each) => isNode(each) && 'orders' in each) : undefined).length > 0
  )
}

/** One row, or rows of constants: it does not matter which are taken. */
function givesEqualRows({ select_list: list, from_table: from, group_expressions: groups }: TreeNode): boolean {
  const items = (Array.isArray(list) ? list : []).filter(isNode)
  if ((isNode(from) && from.type === 'EMPTY') || (items.length > 0 && items.every((item) => item.class === 'CONSTANT'))) return true
  return isEmpty(groups) && items.some((item) => item.class === 'FUNCTION' && ONE_ROW.test(String(item.function_name).toLowerCase()))
}

function ordersOf(modifier: unknown): readonly unknown[] {
  return isNode(modifier) && Array.isArray(modifier.orders) ? modifier.orders : []
}

function isEmpty(list: unknown): boolean {
  return !Array.isArray(list) || list.length === 0
}

function asEach(names: readonly string[], what: string): Readonly<Record<string, string>> {
  return Object.fromEntries(names.map((name) => [name, what]))
}
