import type { Columns } from '../core/dataset.ts'
import { isNode, type SqlTree, type TreeNode } from './sql-tree.ts'

/**
 * Which of a dataset's columns a SELECT that reads it can depend on, in the dataset's order: those whose name stands anywhere in it. undefined: any, since it takes whole rows (`*`, `COLUMNS`, a table as a value) or lets the columns
 * that there are decide (PIVOT, NATURAL JOIN, columns renamed by their place). More columns than are read may be named, never fewer: other rows of an unread column change nothing.
 */
export function columnsRead({ root, tables }: SqlTree, columns: Columns): readonly string[] | undefined {
  const found: Found = { names: new Set(), relations: new Set(tables.map(({ name }) => name.toLowerCase())), whole: false }
  collectRelations(root, found)
  collect(root, found)
  return found.whole ? undefined : Object.keys(columns).filter((name) => found.names.has(name.toLowerCase()))
}

interface Found {
  /** Names in lower case. */
  readonly names: Set<string>
  /** Names and aliases of tables, in lower case: as a value each is a whole row. */
  readonly relations: Set<string>
  whole: boolean
}

function collectRelations(value: unknown, found: Found): void {
  for (const node of nodesIn(value)) {
    if ('sample' in node && typeof node.alias === 'string' && node.alias !== '') found.relations.add(node.alias.toLowerCase())
    collectRelations(Object.values(node), found)
  }
}

function collect(value: unknown, found: Found): void {
  for (const node of nodesIn(value)) {
    if (takesAll(node)) found.whole = true
    if (node.class === 'COLUMN_REF' && Array.isArray(node.column_names)) {
      const names = node.column_names.map((name) => String(name).toLowerCase())
      // `t` and `s.t` are a row of the table t, unless they are a column of that name.
      if (found.relations.has(names.at(-1) ?? '')) found.whole = true
      for (const name of names) found.names.add(name)
    }
    if (Array.isArray(node.using_columns)) for (const name of node.using_columns) found.names.add(String(name).toLowerCase())
    collect(Object.values(node), found)
  }
}

function takesAll(node: TreeNode): boolean {
  const renamed = Array.isArray(node.column_name_alias) && node.column_name_alias.length > 0
  return node.class === 'STAR' || node.type === 'PIVOT' || node.ref_type === 'NATURAL' || renamed
}

function nodesIn(value: unknown): readonly TreeNode[] {
  if (Array.isArray(value)) return value.flatMap(nodesIn)
  return isNode(value) ? [value] : []
}
