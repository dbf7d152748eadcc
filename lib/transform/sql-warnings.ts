import type { Columns } from '../core/dataset.ts'
import type { DuckDB, SqlValues } from '../engines/duckdb.ts'
import { isNode, type SqlTree, type TreeNode } from './sql-tree.ts'
import { unrepeatableParts } from './unrepeatable.ts'

/** Aggregates whose result is exact where their argument is. */
const EXACT_OF_EXACT = ['sum', 'avg', 'mean', 'sumkahan', 'fsum', 'kahan_sum', 'favg', 'product']
const INEXACT =
  /^(stddev(_pop|_samp)?|var(iance|_pop|_samp)?|corr|covar_(pop|samp)|regr_\w+|skewness|kurtosis(_pop)?|sem|geomean|geometric_mean)$/
const NO_SPILL = ['list', 'array_agg', 'string_agg', 'group_concat', 'listagg']
const UNREPEATABLE =
  /^(random|setseed|uuid|gen_random_uuid|uuidv4|uuidv7|now|today|get_current_timestamp|transaction_timestamp|(current|local)_?(timestamp|date|time)|current_local(time|timestamp)|get_current_time|getvariable|current_setting|nextval|currval)$/

/** What plan says of a SELECT, without its dataset: aggregates that do not spill, functions that give something else on the next run, what depends on the order of rows. */
export function sqlWarnings(tree: SqlTree): string[] {
  const unspilled = [...new Set([...[...tree.functions].filter((name) => NO_SPILL.includes(name)), ...tree.orderedAggregates])]
  const changing = [...tree.functions].filter((name) => UNREPEATABLE.test(name))
  return [
    ...unspilled.map((name) => `${name}() keeps its groups in memory and does not spill to disk`),
    ...changing.map((name) => `${name}() gives another value on a rerun, which must give the same rows; use $start, $end or a parameter`),
    ...unrepeatableParts(tree.root),
  ]
}

/**
 * Names of result columns that are sums or means of floats, by the parsed tree: those whose expression holds such an aggregate, or refers by name to a column that does, in a CTE, a
 * subquery or a dataset that is read. The type of an argument is asked of DuckDB; where it cannot tell, the column counts.
 */
export async function floatAggregates(
  db: DuckDB,
  tree: SqlTree,
  columns: Columns,
  read: readonly string[],
  values: SqlValues,
): Promise<string[]> {
  const names = Object.keys(columns)
  if (!names.some((name) => isFloat(columns[name]))) return []
  const tainted = new Set(read.map((name) => name.toLowerCase()))
  for (const node of selectsBelow(tree.root)) for (const item of itemsOf(node)) if (holdsAggregate(item)) tainted.add(nameOf(item))
  const found = new Set<string>()
  for (const node of outerSelects(tree.root)) {
    const items = itemsOf(node)
    const starred = items.some((item) => item.class === 'STAR')
    if (starred) for (const name of names) if (tainted.has(name.toLowerCase())) found.add(name)
    for (const [i, item] of items.entries()) {
      const column = starred ? names.find((name) => name.toLowerCase() === nameOf(item)) : names[i]
      if (column === undefined || !isFloat(columns[column]) || item.function_name === 'round') continue
      if (refersTo(item, tainted) || (await aggregatesFloats(db, node, item, values))) found.add(column)
    }
  }
  return names.filter((name) => found.has(name) && isFloat(columns[name]))
}

function isFloat(type: string | undefined): boolean {
  return type === 'float64' || type === 'float32'
}

function itemsOf(select: TreeNode): TreeNode[] {
  return Array.isArray(select.select_list) ? select.select_list.filter(isNode) : []
}

/** The SELECTs whose rows are the result: one, or the sides of a set operation. */
function outerSelects(node: TreeNode): TreeNode[] {
  if (node.type === 'SELECT_NODE') return [node]
  return [node.left, node.right, ...(Array.isArray(node.children) ? node.children : [])].filter(isNode).flatMap(outerSelects)
}

function selectsBelow(root: TreeNode): TreeNode[] {
  const outer = new Set(outerSelects(root))
  const found: TreeNode[] = []
  const visit = (value: unknown): void => {
    if (!isNode(value) && !Array.isArray(value)) return
    if (Array.isArray(value)) {
      for (const item of value) visit(item)
      return
    }
    if (value.type === 'SELECT_NODE' && !outer.has(value)) found.push(value)
    for (const child of Object.values(value)) visit(child)
  }
  visit(root)
  return found
}

function nameOf(item: TreeNode): string {
  if (typeof item.alias === 'string' && item.alias !== '') return item.alias.toLowerCase()
  return Array.isArray(item.column_names) ? String(item.column_names.at(-1)).toLowerCase() : ''
}

function refersTo(value: unknown, names: ReadonlySet<string>): boolean {
  if (Array.isArray(value)) return value.some((item) => refersTo(item, names))
  if (!isNode(value)) return false
  if (value.class === 'COLUMN_REF') return names.has(nameOf({ column_names: value.column_names }))
  return Object.values(value).some((child) => refersTo(child, names))
}

function holdsAggregate(item: unknown): boolean {
  return aggregatesIn(item).length > 0
}

/** Calls whose last digits may depend on thread order, those in subqueries left out. */
function aggregatesIn(value: unknown): TreeNode[] {
  if (Array.isArray(value)) return value.flatMap(aggregatesIn)
  if (!isNode(value) || value.class === 'SUBQUERY') return []
  const name = typeof value.function_name === 'string' ? value.function_name.toLowerCase() : ''
  const own = (value.class === 'FUNCTION' || value.class === 'WINDOW') && (EXACT_OF_EXACT.includes(name) || INEXACT.test(name))
  return [...(own ? [value] : []), ...Object.values(value).flatMap(aggregatesIn)]
}

/** Asks DuckDB for the types of the aggregates' arguments: the same SELECT with them as its list, and without its groups. */
async function aggregatesFloats(db: DuckDB, select: TreeNode, item: TreeNode, values: SqlValues): Promise<boolean> {
  const calls = aggregatesIn(item)
  if (calls.some((call) => !EXACT_OF_EXACT.includes(String(call.function_name).toLowerCase()))) return true
  const list = calls.flatMap((call) => (Array.isArray(call.children) ? call.children.slice(0, 1) : []))
  if (list.length === 0) return false
  const ungrouped = {
    modifiers: [],
    group_expressions: [],
    group_sets: [],
    having: null,
    qualify: null,
    aggregate_handling: 'STANDARD_HANDLING',
  }
  const node = { ...select, ...ungrouped, select_list: list }
  try {
    // Locations are unsigned 64-bit numbers that JavaScript rounds.
    const json = JSON.stringify({ error: false, statements: [{ node }] }, (key, value: unknown) =>
      key === 'query_location' ? undefined : value,
    )
    const [row] = await db.meta('SELECT json_deserialize_sql($json::JSON) AS sql', { json })
    const types = await db.describe(row?.sql ?? '', values)
    return types.some(({ type }) => !/^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|BOOLEAN|DECIMAL\(.*\))$/.test(type))
  } catch {
    return true
  }
}
