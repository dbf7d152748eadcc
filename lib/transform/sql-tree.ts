import { ConfigError } from '../core/errors.ts'
import type { DuckDB } from '../engines/duckdb.ts'
import { sqlTokens } from './sql-text.ts'

/** A node of DuckDB's parsed tree, as `json_serialize_sql` gives it. */
export type TreeNode = { readonly [key: string]: unknown }

/** A table that SQL reads and that is none of its own CTEs. */
export interface TableName {
  readonly name: string
  readonly schema?: string
  readonly catalog?: string
}

/** What a SELECT reads and calls, from its parsed tree. */
export interface SqlTree {
  readonly tables: readonly TableName[]
  readonly tableFunctions: readonly string[]
  /** Names without `$`, in the order met; of two that differ only by case DuckDB knows one. */
  readonly parameters: readonly string[]
  /** Lower case. */
  readonly functions: ReadonlySet<string>
  /** Aggregates with an ORDER BY of their own. */
  readonly orderedAggregates: readonly string[]
  readonly root: TreeNode
}

/** Parses one SELECT. @throws ConfigError without a dataset in its place: syntax (DuckDB's words and the line), not one SELECT, PIVOT without IN. */
export async function parseSelect(db: DuckDB, text: string): Promise<SqlTree> {
  const [row] = await db.meta('SELECT json_serialize_sql($sql::VARCHAR) AS tree', { sql: text })
  const tree = JSON.parse(row?.tree ?? '{}') as {
    error?: boolean
    error_type?: string
    error_message?: string
    position?: string
    statements?: TreeNode[]
  }
  if (tree.error) throw parseError(text, tree.error_type, tree.error_message, tree.position)
  const [statement, ...more] = tree.statements ?? []
  if (!statement) throw new ConfigError('the SQL is empty; write one SELECT')
  if (more.length > 0) throw severalStatements(more.length + 1)
  const found = { tables: [], tableFunctions: [], parameters: [], functions: new Set<string>(), orderedAggregates: [] } satisfies Found
  walk(statement, new Set(), found)
  return { ...found, root: statement.node as TreeNode }
}

const severalStatements = (count: number) => new ConfigError(`the SQL has ${count} statements; write one SELECT for each step`)

function parseError(text: string, type: string | undefined, message = 'it cannot be parsed', position?: string): ConfigError {
  if (type === 'not implemented') {
    const tokens = sqlTokens(text)
    const words = tokens.filter(({ kind }) => kind === 'word')
    if (words.some((word) => /^(pivot|pivot_wider)$/i.test(word.text)))
      return new ConfigError('PIVOT without IN needs data to know its columns; write PIVOT … ON column IN (value, …)')
    // What follows a semicolon, or nothing, begins a statement.
    const statements = tokens.filter(({ text }, i) => text !== ';' && (tokens[i - 1]?.text ?? ';') === ';').length
    if (statements > 1) return severalStatements(statements)
    return new ConfigError(`a step is one SELECT, not ${words[0]?.text.toUpperCase() ?? 'this'}`)
  }
  const line = position === undefined ? '' : ` (line ${text.slice(0, Number(position)).split('\n').length})`
  return new ConfigError(`DuckDB cannot parse the SQL: ${message}${line}`)
}

interface Found {
  readonly tables: TableName[]
  readonly tableFunctions: string[]
  readonly parameters: string[]
  readonly functions: Set<string>
  readonly orderedAggregates: string[]
}

/** `scope`: CTE names in force, lower case. A CTE sees those before it, and itself only when it is recursive. */
function walk(value: unknown, scope: ReadonlySet<string>, found: Found): void {
  if (Array.isArray(value)) {
    for (const item of value) walk(item, scope, found)
    return
  }
  if (!isNode(value)) return
  let inner = scope
  for (const { key, value: cte } of ctesOf(value)) {
    const query = isNode(cte.query) ? cte.query : cte
    const recursive = isNode(query.node) && query.node.type === 'RECURSIVE_CTE_NODE'
    walk(cte, recursive ? new Set([...inner, key.toLowerCase()]) : inner, found)
    inner = new Set([...inner, key.toLowerCase()])
  }
  note(value, inner, found)
  for (const [key, child] of Object.entries(value)) if (key !== 'cte_map') walk(child, inner, found)
}

function note(node: TreeNode, scope: ReadonlySet<string>, found: Found): void {
  if (node.type === 'BASE_TABLE') {
    const table: TableName = {
      name: String(node.table_name),
      ...(isText(node.schema_name) && { schema: String(node.schema_name) }),
      ...(isText(node.catalog_name) && { catalog: String(node.catalog_name) }),
    }
    if (table.schema !== undefined || !scope.has(table.name.toLowerCase())) found.tables.push(table)
  } else if (node.type === 'TABLE_FUNCTION' && isNode(node.function)) found.tableFunctions.push(String(node.function.function_name))
  else if (node.type === 'SHOW_REF') found.tableFunctions.push(String(node.show_type ?? 'show').toLowerCase())
  else if (node.class === 'PARAMETER') {
    if (!found.parameters.includes(String(node.identifier))) found.parameters.push(String(node.identifier))
  } else if (node.class === 'COLUMN_REF' && Array.isArray(node.column_names) && node.column_names.length === 1) {
    // current_date and its like are functions only if no column has the name; the parser cannot know.
    const name = String(node.column_names[0]).toLowerCase()
    if (/^(current|local)_?(date|time|timestamp)$/.test(name)) found.functions.add(name)
  } else if ((node.class === 'FUNCTION' || node.class === 'WINDOW') && typeof node.function_name === 'string') {
    found.functions.add(node.function_name.toLowerCase())
    const orders = isNode(node.order_bys) ? node.order_bys.orders : undefined
    if (Array.isArray(orders) && orders.length > 0) found.orderedAggregates.push(node.function_name)
  }
}

/** The CTEs that a query node defines, in order. */
function ctesOf(node: TreeNode): readonly { readonly key: string; readonly value: TreeNode }[] {
  const map = isNode(node.cte_map) ? node.cte_map.map : undefined
  return Array.isArray(map) ? map : []
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== ''
}

/** True for an object of the tree. */
export function isNode(value: unknown): value is TreeNode {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}
