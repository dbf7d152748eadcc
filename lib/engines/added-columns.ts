import type { Columns } from '../core/dataset.ts'
import { ConfigError } from '../core/errors.ts'
import { parseType, typeText } from './types.ts'

/** How a warehouse tells columns apart. */
export interface Likeness {
  /** Names that are one name give one text. Default: the name itself. */
  readonly nameOf?: (column: string) => string
  /** The dataset's type as the table's is written. Default: as `typeText` writes it. */
  readonly asThere?: (type: string) => string
  /** Columns that no load has made. */
  readonly theirs?: readonly string[]
  /** What loads all that a dropped table held. Default: a plain run. */
  readonly again?: string
}

/**
 * The columns that a warehouse's table lacks for a dataset, in the dataset's order. Order does not matter.
 * @throws ConfigError that says every column that changed its type (old and new) or that the dataset no longer has
 */
export function addedColumns(table: string, existing: Columns, dataset: Columns, likeness: Likeness = {}): string[] {
  const {
    nameOf = (column: string) => column,
    asThere = (type: string) => typeText(parseType(type)),
    theirs = [],
    again = 'run again',
  } = likeness
  const old = new Map(Object.entries(existing).map(([name, type]) => [nameOf(name), { name, type }]))
  const problems: { readonly column: string; readonly text: string; readonly theirs?: true }[] = []
  const added: string[] = []
  for (const [column, type] of Object.entries(dataset)) {
    const before = old.get(nameOf(column))
    old.delete(nameOf(column))
    if (!before) added.push(column)
    else if (before.type !== asThere(type))
      problems.push({ column, text: `column "${column}" is ${before.type} there and ${type} in the dataset` })
  }
  for (const { name, type } of old.values())
    problems.push(
      theirs.includes(name)
        ? { column: name, text: `column "${name}" (${type}), which no load has made, is not in the dataset`, theirs: true }
        : { column: name, text: `column "${name}" (${type}) is not in the dataset any more` },
    )
  const [first] = problems
  if (first)
    throw new ConfigError(`table "${table}" does not fit the dataset: ${problems.map((problem) => problem.text).join('; ')}`, {
      table,
      column: first.column,
      hint: problems.every((problem) => problem.theirs)
        ? 'drop the column from the table, or give the dataset one of that name; or load into another table'
        : `change the dataset back, load into a new table, or drop the old one and ${again}: all that it held is loaded anew`,
    })
  return added
}
