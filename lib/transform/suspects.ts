import { isNode, type SqlTree, type TreeNode } from './sql-tree.ts'
import { isFramedByRows, unrepeatableParts } from './unrepeatable.ts'

/** Something in a SELECT because of which the same rows may give others. */
export interface Suspect {
  readonly kind: 'clock' | 'random' | 'order' | 'ties'
  /** One clause for people. */
  readonly what: string
  /** The result column that it stands in; absent: somewhere beneath, and any may have it. */
  readonly column?: string
}

const CLOCK =
  /^(now|today|age|get_current_timestamp|transaction_timestamp|(current|local)_?(timestamp|date|time)|current_local(time|timestamp)|get_current_time)$/
const RANDOM = /^(random|setseed|uuid|gen_random_uuid|uuidv4|uuidv7)$/
const ORDERED_WINDOWS = /^(row_number|ntile|lag|lead|first_value|last_value|nth_value|first|last)$/

/** What in a parsed SELECT may come out otherwise, first what stands in a result column. `columns`: of the result, in order. */
export function suspectsOf(tree: SqlTree, columns: readonly string[]): readonly Suspect[] {
  const { root } = tree
  const found: Suspect[] = []
  const add = (suspect: Suspect) => {
    const known = found.some(({ what, column }) => what === suspect.what && (column === suspect.column || suspect.column === undefined))
    if (!known) found.push(suspect)
  }
  const items = root.type === 'SELECT_NODE' && Array.isArray(root.select_list) ? root.select_list.filter(isNode) : []
  const starred = items.some((item) => item.class === 'STAR')
  for (const [i, item] of items.entries()) {
    const column = starred ? (typeof item.alias === 'string' && item.alias !== '' ? item.alias : undefined) : columns[i]
    for (const suspect of within(item)) add({ ...suspect, ...(column !== undefined && { column }) })
  }
  for (const suspect of within(root)) add(suspect)
  return found
}

function within(node: TreeNode): Suspect[] {
  const found: Suspect[] = unrepeatableParts(node).map((sentence) => ({
    kind: sentence.startsWith('a sample') ? ('random' as const) : ('order' as const),
    what: sentence.replace(/; a rerun may .*?: write/, ': write').replace(/ on a rerun/, ''),
  }))
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(visit)
    if (!isNode(value)) return
    found.push(...ownSuspects(value))
    Object.values(value).forEach(visit)
  }
  visit(node)
  return found
}

function ownSuspects(node: TreeNode): Suspect[] {
  const name = functionOf(node)
  if (CLOCK.test(name) && !(name === 'age' && Array.isArray(node.children) && node.children.length > 1))
    return [{ kind: 'clock', what: `${name}() reads the clock: use $start, $end or a parameter` }]
  if (RANDOM.test(name)) return [{ kind: 'random', what: `${name}() gives another value each time: use a hash of the key` }]
  if (node.class === 'WINDOW' && (ORDERED_WINDOWS.test(name) || isFramedByRows(node))) {
    const by = orderText(node.orders) ?? orderText(node.arg_orders)
    return by === undefined
      ? []
      : [{ kind: 'ties', what: `${name}() OVER (… ORDER BY ${by}): rows that tie there come in any order; add a unique column` }]
  }
  if (node.class === 'FUNCTION') {
    const by = isNode(node.order_bys) ? orderText(node.order_bys.orders) : undefined
    if (by !== undefined)
      return [{ kind: 'ties', what: `${name}(… ORDER BY ${by}): rows that tie there come in any order; add a unique column` }]
    if (name === 'mode') return [{ kind: 'ties', what: `${name}() takes any of the rows that tie` }]
  }
  const order = (Array.isArray(node.modifiers) ? node.modifiers : []).filter(isNode).find(({ type }) => type === 'ORDER_MODIFIER')
  const by = order && orderText(order.orders)
  return by === undefined ? [] : [{ kind: 'ties', what: `ORDER BY ${by}: rows that tie there come in any order; add a unique column` }]
}

/** current_date and its like are columns to the parser. */
function functionOf(node: TreeNode): string {
  if (typeof node.function_name === 'string') return node.function_name.toLowerCase()
  if (node.class !== 'COLUMN_REF' || !Array.isArray(node.column_names) || node.column_names.length !== 1) return ''
  const name = String(node.column_names[0]).toLowerCase()
  return /^(current|local)_?(date|time|timestamp)$/.test(name) ? name : ''
}

/** Columns by which is sorted, as far as they have names; undefined where nothing is. */
function orderText(orders: unknown): string | undefined {
  if (!Array.isArray(orders) || orders.length === 0) return undefined
  return orders
    .map((order) => {
      const expression = isNode(order) ? order.expression : undefined
      return isNode(expression) && Array.isArray(expression.column_names) ? String(expression.column_names.at(-1)) : '…'
    })
    .join(', ')
}

/** Whether rows have an order of their own: a final ORDER BY. */
export function isOrdered({ root }: SqlTree): boolean {
  return (Array.isArray(root.modifiers) ? root.modifiers : []).some((each) => isNode(each) && each.type === 'ORDER_MODIFIER')
}
