import { runOver } from '../../connectors/source.ts'
import type { RunContext } from '../../core/context.ts'
import type { Columns } from '../../core/dataset.ts'
import { CheckError, ConfigError, PermanentError, placed } from '../../core/errors.ts'
import { quoteIdentifier } from '../../core/quote.ts'
import type { DuckDB } from '../../engines/duckdb.ts'
import type { Reader } from '../../engines/reader.ts'
import { emptyRelation } from '../../engines/relation.ts'
import { textFromDuckdbType } from '../../engines/types.ts'
import type { Extract } from '../../extract/source.ts'
import { sourceColumn } from '../../extract/source-column.ts'
import type { Sources } from '../run/sources.ts'
import { readForEachPartition } from './check-extract.ts'
import type { AnyPipeline, Schema } from './definition.ts'
import { type Partition, partitionsUntil } from './partitions.ts'

interface Tools {
  readonly known: Schema
  readonly sources: Sources
  readonly reader: () => Reader
  readonly binder: DuckDB
}

/**
 * Asks the sources for the columns of every extracted dataset: the extracted part of a new schema. Where schema.ts declares a column already its type stays, for types are
 * the pipeline author's to choose; columns that the source no longer has go.
 * @throws what a source's `describe` throws, and ConfigError for an expression that does not bind or has a type that millrace does not carry
 */
export async function discover(definition: AnyPipeline, known: Schema, given: Omit<Tools, 'known'>, ctx: RunContext): Promise<Schema> {
  const tools = { ...given, known }
  const found: Record<string, Columns> = {}
  const examples = examplePartitions(definition, ctx.clock.now())
  for (const [dataset, extract] of Object.entries(definition.extract)) {
    try {
      const source = await describeByExample(definition, dataset, extract, examples, tools, ctx)
      const { expressions } = extract
      if (expressions) {
        found[`${dataset}.source`] = keep(source, known[`${dataset}.source`])
        found[dataset] = keep(await typesOf(expressions, found[`${dataset}.source`] ?? {}, tools.binder), known[dataset])
      } else found[dataset] = keep(source, known[dataset])
    } catch (error) {
      throw placed(error, { pipeline: definition.name, stage: 'extract', dataset })
    }
  }
  return found
}

/** Of how many keys a source is asked before it is taken to have nothing. */
const MOST_KEYS = 10

/** Where a source is likely to have rows: the newest partition whose window has ended, else the first; or keys, the last one first. */
function examplePartitions({ partition }: AnyPipeline, now: Date): readonly Partition[] {
  if (!partition) return []
  const all = partitionsUntil(partition, now)
  if (partition.by === 'keys') return all.toReversed().slice(0, MOST_KEYS)
  const example = all.findLast(({ window }) => window !== undefined && window.end <= now) ?? all[0]
  return example ? [example] : []
}

/** Describes a dataset by the first of these partitions that the source has anything of. */
async function describeByExample(
  definition: AnyPipeline,
  dataset: string,
  extract: Extract<string>,
  examples: readonly Partition[],
  tools: Tools,
  ctx: RunContext,
): Promise<Columns> {
  const [example, ...others] = examples
  try {
    return await describe(definition, dataset, extract, example, tools, ctx)
  } catch (error) {
    if (!(error instanceof PermanentError) || others.length === 0 || !readForEachPartition(extract)) throw error
    for (const other of others) {
      try {
        return await describe(definition, dataset, extract, other, tools, ctx)
      } catch (again) {
        if (!(again instanceof PermanentError)) throw again
      }
    }
    const tried = examples.map(({ name }) => name).join(', ')
    throw new PermanentError(`${error.message}; nothing could be described of any of the keys that were tried: ${tried}`, {
      ...error.place,
      ...(error.hint !== undefined && { hint: error.hint }),
      cause: error,
    })
  }
}

async function describe(
  definition: AnyPipeline,
  dataset: string,
  extract: Extract<string>,
  example: Partition | undefined,
  tools: Tools,
  ctx: RunContext,
): Promise<Columns> {
  const { request, connection, kind } = extract
  const each = 'each' in request ? request.each : undefined
  const parents = each && (await exampleParent(definition, each.parent, each.column, example, tools, ctx))
  return tools.sources.use(connection, (source) =>
    source.describe(
      {
        dataset,
        request,
        ...(example && { partition: example.name }),
        ...(example?.window && { window: { ...example.window } }),
        ...(kind.by === 'cursor' && { cursor: cursorOf(extract, kind.column, tools.known[dataset]) }),
        ...(parents && { parents }),
      },
      ctx,
    ),
  )
}

function cursorOf(extract: Extract<string>, name: string, declared: Columns = {}) {
  const column = sourceColumn(extract, name)
  const type = Object.hasOwn(declared, name) ? declared[name] : undefined
  return { ...(column !== undefined && { column }), ...(type !== undefined && { type }) }
}

/** One value of a parent dataset's column, read from its source: a child request needs one to be described. */
async function exampleParent(
  definition: AnyPipeline,
  parent: string,
  column: string,
  example: Partition | undefined,
  tools: Tools,
  ctx: RunContext,
): Promise<readonly string[]> {
  const extract = definition.extract[parent]
  if (!extract) throw new ConfigError(`each: unknown parent dataset "${parent}"`)
  const columns = await describe(definition, parent, extract, example, tools, ctx)
  const relation = await tools.sources.use(extract.connection, (source) =>
    source.read(
      {
        dataset: parent,
        request: extract.request,
        columns,
        ...(example && { partition: example.name }),
        ...(example?.window && { window: example.window }),
      },
      ctx,
    ),
  )
  try {
    const name = quoteIdentifier(column)
    const sql = `SELECT CAST(${name} AS VARCHAR) AS value FROM (${relation.sql}) WHERE ${name} IS NOT NULL LIMIT 1`
    const { meta } = await runOver(relation, 'sql', { dataset: parent, meta: { sql } }, tools.reader(), ctx.signal)
    const value = meta[0]?.value
    if (value === undefined || value === null)
      throw new CheckError(`parent "${parent}" has no value of "${column}" to describe a child request with`)
    return [value]
  } finally {
    await relation.close()
  }
}

/** The types of the `columns:` expressions over a source's own columns, bound on zero rows. */
async function typesOf(expressions: Readonly<Record<string, string>>, source: Columns, db: DuckDB): Promise<Columns> {
  const types: Record<string, string> = {}
  for (const [column, expression] of Object.entries(expressions)) {
    const described = await db.describe(`SELECT (${expression}) AS value FROM (${emptyRelation(source)})`).catch((cause: unknown) => {
      throw new ConfigError(`columns.${column}: ${String(cause instanceof Error ? cause.message : cause).split('\n')[0]}`, {
        column,
        value: expression,
        cause,
      })
    })
    const duck = described[0]?.type ?? ''
    const type = textFromDuckdbType(duck)
    if (!type)
      throw new ConfigError(`columns.${column} gives ${duck}, which millrace does not carry; cast it`, { column, value: expression })
    types[column] = type
  }
  return types
}

function keep(found: Columns, known: Columns | undefined): Columns {
  return Object.fromEntries(
    Object.entries(found).map(([column, type]) => [column, known && Object.hasOwn(known, column) ? (known[column] ?? type) : type]),
  )
}
