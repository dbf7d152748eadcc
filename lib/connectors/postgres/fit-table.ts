import type { Columns } from '../../core/dataset.ts'
import { ConfigError } from '../../core/errors.ts'
import { quoteIdentifier } from '../../core/quote.ts'
import { addedColumns, type Likeness } from '../../engines/added-columns.ts'
import type { LoadSession } from './load-session.ts'
import { OWN_COLUMNS, type Table } from './tables.ts'
import { hasTokensOf, tokensOf } from './tokens.ts'

/** @throws ConfigError for a table without the columns of every load, or with others of their names, and for a column of the dataset that the server writes itself */
export function requireLoadable(
  { own, generated }: Pick<Table, 'own' | 'generated'>,
  table: string,
  columns: readonly string[] = [],
): void {
  for (const column of OWN_COLUMNS) {
    const type = own[column]
    if (type === undefined)
      throw new ConfigError(`table "${table}" is in the warehouse but was not made by millrace: it has no columns _partition and _load`, {
        table,
      })
    if (type !== 'text')
      throw new ConfigError(
        `column ${column} of table "${table}" is ${type}, and must be text: there millrace writes where a row comes from`,
        {
          ...{ table, column },
          hint: 'rename the column, or change its type; or load into another table',
        },
      )
  }
  const column = columns.find((each) => generated.includes(each))
  if (column !== undefined)
    throw new ConfigError(`column "${column}" of table "${table}" is generated: the server computes it, and the dataset has it too`, {
      ...{ table, column },
      hint: `leave it out of the dataset, or make it an ordinary one: ALTER TABLE … ALTER COLUMN ${quoteIdentifier(column)} DROP EXPRESSION`,
    })
}

/**
 * The columns that a table of the schema lacks. `there`: its columns, as `given` are written.
 * @throws what `addedColumns` throws
 */
export async function missingColumns(
  session: LoadSession,
  { schema, table }: { readonly schema: string; readonly table: string },
  { there, defaults, given }: { readonly there: Columns; readonly given: Columns } & Pick<Table, 'defaults'>,
  likeness: Likeness = {},
): Promise<readonly string[]> {
  const extra = Object.keys(there).filter((column) => !Object.hasOwn(given, column))
  // Nobody who has no token there has made the table by loading it; and no load makes a default.
  const theirs =
    extra.length === 0 || (await hasTokensOf(session, tokensOf(schema), table)) ? extra.filter((each) => defaults.includes(each)) : extra
  return addedColumns(table, there, given, { ...likeness, theirs })
}
