import type { Disposition } from '../connectors/warehouse.ts'
import { ConfigError } from '../core/errors.ts'
import { requireKnown } from '../core/known-options.ts'

const MERGE = { key: true } as const

/** A target of `load`: a table of the warehouse and how a dataset's rows meet those there. */
export interface Load<out C extends string = never> {
  readonly table: string
  readonly disposition: Disposition
  readonly _columns?: C
}

/** Adds the rows, once for each landed load. Only for what is computed from `<dataset>.changes`: anything else would double on a rerun. */
export function append(table: string): Load {
  return { table: named(table), disposition: { mode: 'append' } }
}

/** Replaces all rows of the table. Only for datasets without partitions: with them each would drop the others' rows. Refused where another pipeline has loaded into the table. */
export function replace(table: string): Load {
  return { table: named(table), disposition: { mode: 'replace' } }
}

/** Replaces the rows of the partition at work, those of that `_partition`. Only for partitioned datasets. Refused where another pipeline has loaded into the table: its partitions may have the same names. */
export function replacePartition(table: string): Load {
  return { table: named(table), disposition: { mode: 'replacePartition' } }
}

/**
 * Replaces the rows of the same key and adds the others. A row is replaced only by one from an equal or later cursor or partition, so that partitions may come in any order. Two rows of one key in the
 * dataset are a CheckError.
 * @throws ConfigError without a key
 */
export function merge<const C extends string>(table: string, options: { readonly key: C | readonly C[] }): Load<C> {
  requireKnown('merge', options ?? {}, MERGE)
  const given: string | readonly string[] | undefined = options?.key
  const key = typeof given === 'string' ? [given] : (given ?? [])
  if (key.length === 0) throw new ConfigError(`merge into "${table}" needs a key`)
  return { table: named(table), disposition: { mode: 'merge', key } }
}

function named(table: string): string {
  if (typeof table !== 'string' || table === '') throw new ConfigError('a table needs a name')
  return table
}
