import { ConfigError, messageOf } from '../core/errors.ts'
import type { DuckDB, SqlValues } from '../engines/duckdb.ts'
import { SAMPLE_WINDOW, unknownDataset, unknownParameter, windowMissing } from './bind-names.ts'
import type { BindInput, BoundDataset, LoadedStep } from './bound.ts'
import { carriedColumns } from './carried-types.ts'
import { withoutSemicolon } from './sql-text.ts'
import { parseSelect, type SqlTree, type TableName } from './sql-tree.ts'
import { floatAggregates, sqlWarnings } from './sql-warnings.ts'
import type { Sql, SqlValue } from './steps.ts'

/** Table functions that read nothing from outside. */
const PURE_TABLE_FUNCTIONS = ['range', 'generate_series', 'unnest', 'json_each', 'json_tree', 'repeat', 'repeat_row', 'generate_subscripts']

/** A SELECT bound on zero rows. */
export interface BoundSelect {
  readonly columns: Record<string, string>
  readonly floatAggregates: readonly string[]
}

/** A parsed step and what it reads. */
export interface ReadSelect {
  readonly tree: SqlTree
  readonly reads: readonly string[]
  readonly parameters: readonly string[]
  readonly warnings: readonly string[]
}

type SqlStep = Extract<LoadedStep, { readonly engine: 'duckdb' }>

/**
 * Parses a step and resolves its names, without binding it. @throws ConfigError without a dataset in its place: what `parseSelect` refuses, unknown datasets and parameters, schema-qualified names
 * other than `<dataset>.changes`, table functions that read from outside, UDFs that the step does not name.
 */
export async function readSelect(
  db: DuckDB,
  step: SqlStep,
  input: BindInput,
  readable: readonly string[],
  udfs: ReadonlySet<string>,
): Promise<ReadSelect> {
  const tree = await parseSelect(db, step.text)
  for (const name of tree.tableFunctions) refuseTableFunction(name)
  for (const name of tree.functions)
    if (udfs.has(name) && !Object.keys(step.udf ?? {}).some((own) => own.toLowerCase() === name))
      throw new ConfigError(`it calls ${name}(), which another step defines; give this step the udf, too: { udf: { ${name} } }`)
  const reads = [...new Set(tree.tables.map((table) => resolveTable(table, readable)))]
  const available = Object.keys(valuesOf(step, input))
  for (const name of tree.parameters) refuseParameter(name, available, input.partitioned)
  return { tree, reads, parameters: tree.parameters.filter((name) => !/^_\d+$/.test(name)), warnings: sqlWarnings(tree) }
}

/** Describes a step over the zero-row views of what it reads. @throws ConfigError with DuckDB's own words and the columns there are. */
export async function bindSelect(
  db: DuckDB,
  step: SqlStep,
  { tree }: ReadSelect,
  read: readonly BoundDataset[],
  input: BindInput,
): Promise<BoundSelect> {
  const values = valuesOf(step, input)
  const described = await db.describe(withoutSemicolon(step.text), values).catch((error: unknown) => {
    throw new ConfigError(`DuckDB cannot bind it: ${duckdbWords(messageOf(error))}${columnsThere(messageOf(error), read)}`, {
      cause: error,
    })
  })
  const columns = carriedColumns(described, 'duckdb')
  return {
    columns,
    floatAggregates: await floatAggregates(
      db,
      tree,
      columns,
      read.flatMap((each) => each.floatAggregates),
      values,
    ),
  }
}

function refuseTableFunction(name: string): void {
  if (PURE_TABLE_FUNCTIONS.includes(name.toLowerCase())) return
  if (/^(describe|summary|show\w*)$/i.test(name)) throw new ConfigError('a step is one SELECT, not DESCRIBE, SUMMARIZE or SHOW')
  throw new ConfigError(`it reads from ${name}(); a step reads datasets only: what comes from outside stands under extract`)
}

/** The dataset that a table name means: DuckDB knows no case. */
function resolveTable({ name, schema, catalog }: TableName, readable: readonly string[]): string {
  const full = schema === undefined ? name : `${schema}.${name}`
  const found = readable.find((each) => each === full) ?? readable.find((each) => each.toLowerCase() === full.toLowerCase())
  if (catalog === undefined && found !== undefined && (schema === undefined) === !found.endsWith('.changes')) return found
  if (catalog !== undefined || (schema !== undefined && /^(main|memory|temp)$/i.test(schema)))
    throw new ConfigError(`it reads ${[catalog, schema, name].filter(Boolean).join('.')}; write a dataset's name alone: ${name}`)
  if (name.toLowerCase() === 'changes' && schema !== undefined && readable.includes(schema))
    throw new ConfigError(`it reads ${full}, but ${schema} has no cursor: only a cursor dataset has changes`)
  throw unknownDataset(full, readable)
}

function refuseParameter(name: string, available: readonly string[], partitioned: BindInput['partitioned']): void {
  if (available.includes(name)) return
  if (/^\d+$/.test(name)) throw new ConfigError('parameters are bound by name: write $name, not ? or $1')
  if (['start', 'end', 'partition'].includes(name)) throw windowMissing(`$${name}`, partitioned)
  throw unknownParameter(
    `$${name}`,
    available.map((each) => `$${each}`),
  )
}

/** Values of a step's parameters on zero rows: those of the pipeline, of a template, and a sample of the partition's. */
function valuesOf(step: Sql, { parameters, partitioned }: BindInput): SqlValues {
  const { start, end, partition } = SAMPLE_WINDOW
  return {
    ...parameters,
    ...templateValues(step),
    ...(partitioned === 'time' && { start, end }),
    ...(partitioned !== 'none' && { partition }),
  }
}

/** Values of a template's `${…}` under their names, `_1`, `_2`, …. */
export function templateValues(step: Sql): Record<string, SqlValue> {
  return Object.fromEntries(step.values.map((value, i) => [`_${i + 1}`, value]))
}

/** DuckDB's message in one line, its excerpt of the text replaced by the line's number. */
export function duckdbWords(message: string): string {
  const [words = '', line] = message.split(/\n\s*\nLINE (\d+):/)
  const text = words
    .replace(/^(Binder|Catalog|Parser|Conversion|Invalid Input) Error:\s*/, '')
    .replace(/\s*Candidate functions:[\s\S]*?(?=\n\n|LINE \d|$)/, '')
    .replace(/\s*\n\s*/g, ' ')
  return line === undefined ? text : `${text} (line ${line})`
}

function columnsThere(message: string, read: readonly BoundDataset[]): string {
  if (!/column|binding/i.test(message) || read.length === 0) return ''
  const shown = (names: readonly string[]) => (names.length > 40 ? `${names.slice(0, 40).join(', ')}, …` : names.join(', '))
  return `; ${read.map(({ name, columns }) => `${name} has ${shown(Object.keys(columns))}`).join('; ')}`
}
