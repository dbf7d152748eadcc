import type { SourceConnection } from '../../connectors/source.ts'
import type { Columns } from '../../core/dataset.ts'
import { durationMs } from '../../core/duration.ts'
import { ConfigError, placed } from '../../core/errors.ts'
import { didYouMean } from '../../core/nearest.ts'
import { parseType } from '../../engines/types.ts'
import type { Extract } from '../../extract/source.ts'
import type { AnyPipeline, Schema } from './definition.ts'

/** Whether a dataset is read for each partition: it has a window, or its request names the partition. */
export function readForEachPartition({ kind, request }: Pick<Extract<string>, 'kind' | 'request'>): boolean {
  return kind.by === 'window' || asksForPartition(request)
}

function asksForPartition(request: unknown): boolean {
  return /\{(partition|start|end)\}/.test(JSON.stringify(request))
}

/** Refuses an extracted dataset that cannot be read as it is declared. @throws ConfigError */
export function checkExtract(
  dataset: string,
  { connection, request, kind, expressions, forward }: Extract<string>,
  { name, partition, transform }: AnyPipeline,
  schema: Schema,
  connections: Readonly<Record<string, SourceConnection>>,
): void {
  const place = { stage: 'extract', dataset } as const
  if (transform && Object.hasOwn(transform, dataset))
    throw new ConfigError(`"${dataset}" is both extracted and transformed: a dataset has one name`, place)
  if (dataset.includes('.'))
    throw new ConfigError(`dataset name "${dataset}" must not hold a dot: "<name>.changes" is a dataset of its own`, place)
  const configured = Object.hasOwn(connections, connection) ? connections[connection] : undefined
  if (!configured) {
    const names = Object.keys(connections)
    throw new ConfigError(
      `unknown connection "${connection}"${didYouMean(connection, names)}; the profile has: ${names.join(', ') || 'none'}`,
      place,
    )
  }
  if (!configured.methods.includes(request.method))
    throw new ConfigError(
      `connection "${connection}" is of kind ${configured.kind}, which does not answer ${request.method}; it takes ${configured.methods.join(', ')}`,
      place,
    )
  try {
    configured.checkRequest?.(request)
  } catch (error) {
    throw placed(error, place)
  }
  const columns = schema[dataset]
  if (!columns || Object.keys(columns).length === 0)
    throw new ConfigError(`schema.ts has no columns for "${dataset}"`, {
      ...place,
      hint: `run millrace plan ${name} --discover: it asks the source once and writes them`,
    })
  for (const [column, type] of Object.entries(columns)) {
    try {
      parseType(type)
    } catch (error) {
      throw placed(error, { ...place, column })
    }
  }
  // What is forwarded no engine sees.
  if (forward === undefined)
    for (const each of [columns, schema[`${dataset}.source`] ?? {}]) refuseSameNames(Object.keys(each), request.method === 'table', place)
  const named = kind.by === 'whole' ? [] : kind.by === 'window' ? [kind.column] : [kind.column, ...kind.key]
  for (const column of named)
    if (!Object.hasOwn(columns, column))
      throw new ConfigError(
        `${kind.by} column "${column}" is not in schema.ts${didYouMean(column, Object.keys(columns))}; there are: ${Object.keys(columns).join(', ')}`,
        { ...place, column },
      )
  if (kind.by === 'window') {
    if (partition?.by !== 'time')
      throw new ConfigError(`window "${kind.column}" needs a partition of time`, {
        ...place,
        hint: "add partition: day({ from: '…' }) to the pipeline",
      })
    if (!['timestamp', 'timestamptz', 'date'].includes(columns[kind.column] ?? ''))
      throw new ConfigError(`window column "${kind.column}" is ${columns[kind.column]}; expected timestamp, timestamptz or date`, {
        ...place,
        column: kind.column,
      })
    if (kind.lookback !== undefined) durationMs(kind.lookback)
  }
  if (kind.by !== 'window' && asksForPartition(request)) {
    if (kind.by === 'cursor')
      throw new ConfigError(`a cursor dataset is read once for each run: its request cannot name a partition`, place)
    if (!partition) throw new ConfigError(`the request names a partition, but the pipeline has none`, place)
    if (partition.by !== 'time' && /\{(start|end)\}/.test(JSON.stringify(request)))
      throw new ConfigError(`the request names {start} or {end}, but the pipeline's partitions are keys: they have {partition}`, place)
  }
  if (kind.by === 'cursor') checkCursor(kind, columns, place)
  else if ('path' in request && /\{cursor\}/.test(JSON.stringify([request.path, request.query])))
    throw new ConfigError('the request names {cursor}, but the dataset has none', { ...place, hint: "give it cursor: '…' and key: '…'" })
  if (expressions) {
    const missing = Object.keys(columns).filter((column) => !Object.hasOwn(expressions, column))
    const extra = Object.keys(expressions).filter((column) => !Object.hasOwn(columns, column))
    if (missing.length + extra.length > 0 || !schema[`${dataset}.source`])
      throw new ConfigError(
        `schema.ts does not fit the columns of "${dataset}"${missing.length > 0 ? `: ${missing.join(', ')} have no expression` : extra.length > 0 ? `: ${extra.join(', ')} are not in schema.ts` : ''}`,
        {
          ...place,
          hint: `run millrace plan ${name} --discover`,
        },
      )
  }
}

function refuseSameNames(names: readonly string[], table: boolean, place: { readonly stage: 'extract'; readonly dataset: string }): void {
  const seen = new Map<string, string>()
  for (const name of names) {
    const other = seen.get(name.toLowerCase())
    if (other !== undefined)
      throw new ConfigError(`columns "${other}" and "${name}" are the same name to DuckDB, which knows no case`, {
        ...{ ...place, column: name },
        hint: table ? `read the table by a query that names one of them otherwise` : 'name one of them otherwise where it comes from',
      })
    seen.set(name.toLowerCase(), name)
  }
}

/** Types with an order in which "later" means something. */
const CURSORS = /^(u?int(8|16|32|64)|float(32|64)|decimal\(.*\)|text|date|time|timestamp|timestamptz|uuid)$/

function checkCursor(
  { column, overlap }: Extract<string>['kind'] & { readonly by: 'cursor' },
  columns: Columns,
  place: { readonly stage: 'extract'; readonly dataset: string },
): void {
  const type = columns[column] ?? ''
  if (!CURSORS.test(type))
    throw new ConfigError(`cursor column "${column}" is ${type}; expected a time, a number, text or uuid`, { ...place, column })
  if (overlap === undefined) return
  durationMs(overlap)
  if (!['timestamp', 'timestamptz', 'date'].includes(type))
    throw new ConfigError(`overlap ${overlap} needs a cursor of time, and "${column}" is ${type}`, { ...place, column })
}
