import type { Columns } from '../../core/dataset.ts'
import { ConfigError } from '../../core/errors.ts'
import { quoteIdentifier } from '../../core/quote.ts'
import type { DuckDB } from '../../engines/duckdb.ts'
import { duckdbTypeFromText, textFromDuckdbType } from '../../engines/types.ts'

/** Columns of every table beside the dataset's. */
export const OWN_COLUMNS: readonly string[] = ['_partition', '_load']

export interface Table {
  /** In the table's order, without `_partition` and `_load`; a type that millrace does not have is DuckDB's own name of it. */
  readonly columns: Columns
  /** Has `_partition` and `_load`. */
  readonly loadable: boolean
}

/** A table of the schema `main`, or undefined. @throws ConfigError when a view has the name */
export async function describeTable(db: DuckDB, table: string): Promise<Table | undefined> {
  const rows = await db.meta(
    `SELECT column_name, data_type FROM duckdb_columns() WHERE database_name = current_database() AND schema_name = 'main' AND lower(table_name) = lower($table) ORDER BY column_index`,
    { table },
  )
  if (rows.length === 0) return undefined
  const views = await db.meta(
    `SELECT 1 FROM duckdb_views() WHERE database_name = current_database() AND schema_name = 'main' AND lower(view_name) = lower($table)`,
    { table },
  )
  if (views.length > 0)
    throw new ConfigError(`"${table}" is a view in the warehouse`, { table, hint: 'drop the view or load into another table' })
  const columns = rows.map((row) => [row.column_name ?? '', row.data_type ?? ''] as const)
  return {
    columns: Object.fromEntries(
      columns.filter(([name]) => !OWN_COLUMNS.includes(name)).map(([name, type]) => [name, textFromDuckdbType(type) ?? type]),
    ),
    loadable: OWN_COLUMNS.every((own) => columns.some(([name, type]) => name === own && type === 'VARCHAR')),
  }
}

/** @throws ConfigError where a table that is there has not `_partition` and `_load` */
export function requireLoadable({ loadable }: Pick<Table, 'loadable'>, table: string): void {
  if (!loadable)
    throw new ConfigError(`table "${table}" is in the warehouse but was not made by millrace: it has no columns _partition and _load`, {
      table,
    })
}

/** @throws ConfigError for column names that a table of this warehouse cannot have */
export function checkNames(table: string, columns: Columns): void {
  const seen = new Map<string, string>()
  for (const column of Object.keys(columns)) {
    const name = column.toLowerCase()
    if (OWN_COLUMNS.includes(name))
      throw new ConfigError(`column "${column}" of "${table}" has the name of a column that the warehouse adds itself`, { table, column })
    const twin = seen.get(name)
    if (twin !== undefined)
      throw new ConfigError(`columns "${twin}" and "${column}" of "${table}" differ only by case, which DuckDB does not tell apart`, {
        table,
        column,
      })
    seen.set(name, column)
  }
}

/** `"a" T, …, "_partition" VARCHAR, "_load" VARCHAR` */
export function columnDefinitions(columns: Columns, own = OWN_COLUMNS): string {
  const given = Object.entries(columns).map(([name, type]) => `${quoteIdentifier(name)} ${duckdbTypeFromText(type)}`)
  return [...given, ...own.map((name) => `${quoteIdentifier(name)} VARCHAR`)].join(', ')
}
