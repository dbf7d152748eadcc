import type { Columns } from '../core/dataset.ts'
import { ConfigError } from '../core/errors.ts'
import { didYouMean } from '../core/nearest.ts'
import { parseType } from '../engines/types.ts'
import type { Load } from './targets.ts'

/** What plan knows of a dataset that is to be loaded. */
export interface LoadedDataset {
  /** It reads a window or a partition parameter. */
  readonly partitioned: boolean
  /** It is computed from `<dataset>.changes`. */
  readonly fromChanges: boolean
}

/** Columns that every table of a warehouse has beside the dataset's. */
const OWN_COLUMNS: readonly string[] = ['_partition', '_load']

/**
 * Refuses at plan time a target that cannot be right for its dataset. Without I/O.
 * @throws ConfigError for `replace` of a partitioned dataset, `replacePartition` of one without partitions, `append` of one not computed from changes, a merge key that is not there, or is float,
 * json or nested, columns `_partition` and `_load`, and tables named `_millrace…`
 */
export function checkTarget(target: Load<string>, columns: Columns, dataset: LoadedDataset): void {
  const { table, disposition } = target
  const refuse = (message: string, hint?: string): never => {
    throw new ConfigError(message, { stage: 'load', table, ...(hint !== undefined && { hint }) })
  }
  if (table.toLowerCase().startsWith('_millrace')) refuse(`table "${table}" is millrace's own: names that begin with _millrace are`)
  const own = Object.keys(columns).find((name) => OWN_COLUMNS.includes(name.toLowerCase()))
  if (own !== undefined) refuse(`column "${own}" cannot be loaded into "${table}": the warehouse adds a column of that name itself`)
  if (disposition.mode === 'replace' && dataset.partitioned)
    refuse(
      `replace('${table}') on a partitioned dataset would leave only the last partition`,
      `use replacePartition('${table}') or merge('${table}', { key })`,
    )
  if (disposition.mode === 'replacePartition' && !dataset.partitioned)
    refuse(`replacePartition('${table}') on a dataset without partitions has no partition to replace`, `use replace('${table}')`)
  if (disposition.mode === 'append' && !dataset.fromChanges)
    refuse(
      `append('${table}') on a dataset that is not computed from changes would double its rows on a rerun`,
      'read "<dataset>.changes" in the transform, or use merge or replacePartition',
    )
  if (disposition.mode === 'merge') for (const column of disposition.key) checkKey(table, column, columns)
}

function checkKey(table: string, column: string, columns: Columns): void {
  const type = Object.hasOwn(columns, column) ? columns[column] : undefined
  if (type === undefined) {
    const names = Object.keys(columns)
    throw new ConfigError(
      `merge into "${table}" has no key column "${column}"${didYouMean(column, names) || `; there are ${names.join(', ')}`}`,
      {
        stage: 'load',
        table,
        column,
      },
    )
  }
  if (['float32', 'float64', 'json', 'list', 'struct'].includes(parseType(type).name))
    throw new ConfigError(
      `merge into "${table}" cannot have the key column "${column}" of type ${type}; two equal values may differ there`,
      {
        stage: 'load',
        table,
        column,
      },
    )
}

/**
 * Refuses two targets of one pipeline that write the same table, names compared without case, as warehouses do.
 * @throws ConfigError naming the datasets
 */
export function checkTables(targets: readonly { readonly dataset: string; readonly target: Load<string> }[]): void {
  const writers = new Map<string, string>()
  for (const { dataset, target } of targets) {
    const name = target.table.toLowerCase()
    const first = writers.get(name)
    if (first !== undefined)
      throw new ConfigError(
        `table "${target.table}" is written ${first === dataset ? `twice by ${dataset}` : `by both ${first} and ${dataset}`}`,
        {
          stage: 'load',
          table: target.table,
          dataset,
        },
      )
    writers.set(name, dataset)
  }
}
