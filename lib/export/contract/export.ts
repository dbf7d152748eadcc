import type { Columns } from '../../core/dataset.ts'
import { ConfigError } from '../../core/errors.ts'
import type { Compression } from '../write/members.ts'
import type { Contract } from './contract.ts'
import type { ArrowContract, ExcelContract, NdjsonContract, ParquetContract, SplitRows, TableContract } from './table-contract.ts'

/** A contract together with the format that it is delivered in. */
export type FormatContract = Contract | NdjsonContract | ArrowContract | ParquetContract | ExcelContract

/** The formats of delivered files. */
export type ExportFormat = FormatContract['format']

/**
 * A delivered dataset: a path in the store, with `{partition}`, and its contract. The path without its extension is the folder of the delivery's objects: `quakes/{partition}.csv` gives
 * `quakes/2018-02-04/latest.json`, which names `quakes/2018-02-04/manifest-….json`, which names `quakes/2018-02-04/….csv`. In a named delivery that folder lies in the delivery's, whose own `latest.json` is the only one.
 */
export interface Export<in C = never> {
  readonly format: ExportFormat
  readonly path: string
  readonly contract: FormatContract
  /** Also copy the file to `path` itself, for readers that do not follow `latest.json`. */
  readonly plain: boolean
  /** The named delivery that it is part of. */
  readonly delivery: string | undefined
  /** Who is told after each switch, by the names of the profile's `notify`. */
  readonly notify: readonly string[]
  readonly _accepts?: (columns: C) => void
}

/** What every export has. */
export interface DeliveryOptions {
  /** Also copy the file to the path itself, for readers that do not follow `latest.json`; such a copy is replaced in one step. Not with `split`: several files cannot be. */
  readonly plain?: boolean
  /**
   * The name of a delivery that commits as one, with one manifest and one switch of `<name>/latest.json`: all exports of the pipeline that say the same name, of all partitions. It is switched at the end of a run, when every
   * partition of the run has succeeded. With `{partition}` in the name each partition is a delivery of its own, switched at the partition's end.
   */
  readonly delivery?: string
  /**
   * Who is told after each switch, at least once: one name of the profile's `notify`, or several. In a named delivery those of all its exports are told of each of its switches.
   */
  readonly notify?: string | readonly string[]
}

export interface ExportOptions<R extends Columns> extends DeliveryOptions {
  readonly contract: Contract<R>
}

/** How a dataset is delivered whatever its format but CSV. */
export interface TableExportOptions<R extends Columns> extends DeliveryOptions {
  /** What readers can rely on, as `tableContract` makes it. */
  readonly contract: TableContract<R>
}

/** How a dataset is delivered as lines of JSON. */
export interface NdjsonOptions<R extends Columns> extends TableExportOptions<R> {
  /**
   * How columns of int64, uint64 and decimals of more than 15 digits are written, of which many readers of JSON lose digits. `number`: as numbers, for readers that keep all digits. `text`: as texts. It must be said where
   * there are such columns.
   */
  readonly bigNumbers?: 'number' | 'text'
  /** gzip: the objects end in `.gz`; members of 4 MiB of plain bytes, level 1. zstd: in `.zst`, frames likewise, level 3. Default none. */
  readonly compression?: 'none' | Compression
  /** IANA zone in which timestamptz values are written. Default UTC. */
  readonly zone?: string
  /** Cuts the rows into several files: after so many rows, or before the row with which a file would have more bytes (before compression). Default one file. The manifest names the files in order. */
  readonly split?: SplitRows
}

/** How a dataset is delivered as Parquet. */
export interface ParquetOptions<R extends Columns> extends TableExportOptions<R> {
  /** Of the pages inside the file. Default `zstd`. */
  readonly compression?: 'none' | 'snappy' | 'zstd'
  /** Cuts the rows into several files, each a whole one: after so many rows, or so that none has more bytes as it is stored, unless a single row has. Default one file. The manifest names the files in order. */
  readonly split?: SplitRows
}

/** How a dataset is delivered as Arrow. */
export interface ArrowOptions<R extends Columns> extends TableExportOptions<R> {
  /** Cuts the rows into several files, each a whole one: after so many rows, or so that none has more bytes, unless a single row has. Default one file. The manifest names the files in order. */
  readonly split?: SplitRows
}

/** How a dataset is delivered as an Excel workbook. */
export interface ExcelOptions<R extends Columns> extends TableExportOptions<R> {
  /** The sheet's name: 1 to 31 characters, none of `[]:*?/\`. Default `Sheet1`. */
  readonly sheet?: string
  /**
   * How columns of int64, uint64 and decimals of more than 15 digits are written, of which Excel keeps 15. `number`: as numbers; a value of more digits fails the delivery. `text`: as texts. It must be said where there are
   * such columns.
   */
  readonly bigNumbers?: 'number' | 'text'
  /** IANA zone in which timestamptz values are written: Excel's times have none. Default UTC. */
  readonly zone?: string
}

/** Delivers a dataset as CSV to `path` in the store. A partitioned dataset needs `{partition}` in the path. */
export function csv<const R extends Columns>(path: string, options: ExportOptions<R>): Export<R> {
  return exportOf(path, options, 'csv', {}, {})
}

/** Delivers a dataset as lines of JSON, an object for each row. A partitioned dataset needs `{partition}` in the path. */
export function ndjson<const R extends Columns>(path: string, options: NdjsonOptions<R>): Export<R> {
  return exportOf(path, options, 'ndjson', { bigNumbers: undefined, compression: 'none', zone: 'UTC', split: undefined }, options)
}

/** Delivers a dataset as Arrow IPC, not compressed. A partitioned dataset needs `{partition}` in the path. */
export function arrow<const R extends Columns>(path: string, options: ArrowOptions<R>): Export<R> {
  return exportOf(path, options, 'arrow', { split: undefined }, options)
}

/** Delivers a dataset as Parquet. A partitioned dataset needs `{partition}` in the path. */
export function parquet<const R extends Columns>(path: string, options: ParquetOptions<R>): Export<R> {
  return exportOf(path, options, 'parquet', { compression: 'zstd', split: undefined }, options)
}

/** Delivers a dataset as an Excel workbook of one sheet. A partitioned dataset needs `{partition}` in the path. */
export function excel<const R extends Columns>(path: string, options: ExcelOptions<R>): Export<R> {
  return exportOf(path, options, 'xlsx', { sheet: 'Sheet1', bigNumbers: undefined, zone: 'UTC' }, options)
}

const ONE_FILE =
  'a workbook is one file of one sheet; deliver it partition by partition, with {partition} in the path, or in another format'

const DECLARED = { csv: 'contract({ … })', table: 'tableContract({ … })' } as const

/** An export of this format: its own options beside the contract's become one contract. @throws ConfigError for an option that the format has not, and for a contract of another kind */
function exportOf<R extends Columns>(
  path: string,
  given: DeliveryOptions & { readonly contract: Contract<R> | TableContract<R> },
  format: ExportFormat,
  defaults: Readonly<Record<string, unknown>>,
  own: object,
): Export<R> {
  const { contract, plain = false, delivery, notify = [], ...more } = given ?? {}
  const unknown = Object.keys(more).find((option) => !Object.hasOwn(defaults, option))
  if (unknown !== undefined)
    throw new ConfigError(
      `export "${path}": ${unknown} is no option of ${format}; there are ${['contract', 'plain', 'delivery', 'notify', ...Object.keys(defaults)].join(', ')}`,
      unknown === 'split' ? { hint: ONE_FILE } : {},
    )
  const kind = format === 'csv' ? 'csv' : 'table'
  if (contract?.format !== kind)
    throw new ConfigError(`export "${path}": ${format} needs a contract that ${DECLARED[kind]} has made`, {
      hint: 'contract({ … }) says how CSV is written; what is delivered in other formats has tableContract({ … })',
    })
  const chosen = Object.fromEntries(Object.keys(defaults).map((option) => [option, Reflect.get(own, option) ?? defaults[option]]))
  return {
    format,
    path,
    contract: { ...contract, ...chosen, format } as unknown as FormatContract,
    plain,
    delivery,
    notify: [...new Set([notify].flat())],
  }
}
