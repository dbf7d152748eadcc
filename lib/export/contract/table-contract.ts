import type { Columns } from '../../core/dataset.ts'
import { ConfigError } from '../../core/errors.ts'
import { type KnownOptions, requireKnown } from '../../core/known-options.ts'
import type { Compression } from '../write/members.ts'
import type { Gate } from './gate-options.ts'

/** After how many rows, or before how many bytes, a file ends and the next begins. */
export type SplitRows = { readonly rows: number } | { readonly bytes: number }

/** What readers can rely on whatever the format of the file. */
export interface CommonOptions<R extends Columns> {
  /** The file's columns in order, each with the dataset's type. A name of digits alone is refused: JavaScript would put it first. */
  readonly columns: R
  /** The contract's version, a whole number. Default 1. A delivery whose columns are removed, renamed, retyped or in another order than those of the last one, or whose rows are written otherwise (format, delimiter, encoding, …), is refused unless this grew: readers are told by it. */
  readonly version?: number
  /** Columns that are never NULL: a row in which one is fails the delivery. Default none. */
  readonly notNull?: readonly `${keyof R & string}`[]
  /**
   * A total order of the rows, so that the same rows give the same bytes: two rows that are equal in all of them are a CheckError. A leading `-` means descending (where no column has that very
   * name). Values are compared as values, texts by their bytes; NULLs come last, NaN after all numbers.
   */
  readonly orderBy: readonly (`${keyof R & string}` | `-${keyof R & string}`)[]
  /**
   * Decimal places of float columns, and in CSV of decimal ones, by column, half away from zero. Float aggregates whose last digits depend on thread order are rounded here. As text they are always written out: `2` gives
   * `7.00`.
   */
  readonly round?: { readonly [C in keyof R]?: number }
  /**
   * How the immutable files are called, without extension: text with `{key}` (12 digits of the input key) and `{sha}` (8 of the content's SHA-256), and, as is wanted, `{name}` (the last part of the export's path),
   * `{partition}` and `{part}` (`0001`, from which the file's place among the split ones is told). Default `{key}-{sha}`; with `split` `{key}-{part}-{sha}`.
   */
  readonly fileName?: string
  /** How much a delivery may differ from the last one before it is held until a person accepts it. It changes no byte, so another gate makes nothing anew. Default: nothing is compared. */
  readonly gate?: Gate<`${keyof R & string}`>
}

/** The same with every default. */
export interface CommonContract<R extends Columns = Columns> extends Required<Omit<CommonOptions<R>, 'fileName' | 'gate'>> {
  readonly fileName: string | undefined
  readonly gate: Gate | undefined
}

/** What readers of a file in any format but CSV can rely on. How values are written follows from the format. */
export interface TableContractOptions<R extends Columns> extends CommonOptions<R> {
  /**
   * What a dataset of no rows does. `emptyFile` (default): a file without rows. `noFile`: a manifest without files, and the plain copy is taken away. `fail`: a CheckError. `keepLast`: the last delivery stays, and the
   * partition counts as done.
   */
  readonly zeroRows?: 'emptyFile' | 'noFile' | 'fail' | 'keepLast'
}

/** What the downstream team was promised of a table, whatever its format: one may be delivered as several. */
export interface TableContract<R extends Columns = Columns> extends CommonContract<R> {
  readonly format: 'table'
  readonly zeroRows: NonNullable<TableContractOptions<R>['zeroRows']>
}

/** A table as lines of JSON. */
export interface NdjsonContract extends Omit<TableContract, 'format'> {
  readonly format: 'ndjson'
  readonly bigNumbers: 'number' | 'text' | undefined
  readonly compression: 'none' | Compression
  readonly zone: string
  readonly split: SplitRows | undefined
}

/** A table as Arrow IPC files. */
export interface ArrowContract extends Omit<TableContract, 'format'> {
  readonly format: 'arrow'
  readonly split: SplitRows | undefined
}

/** A table as Parquet. */
export interface ParquetContract extends Omit<TableContract, 'format'> {
  readonly format: 'parquet'
  readonly compression: 'none' | 'snappy' | 'zstd'
  readonly split: SplitRows | undefined
}

/** A table as the one sheet of an Excel workbook. */
export interface ExcelContract extends Omit<TableContract, 'format'> {
  readonly format: 'xlsx'
  readonly bigNumbers: 'number' | 'text' | undefined
  readonly zone: string
  readonly sheet: string
}

/** The options of every contract. */
export const COMMON: KnownOptions<CommonContract> = {
  columns: true,
  version: true,
  notNull: true,
  orderBy: true,
  round: true,
  fileName: true,
  gate: true,
}
const TABLE: KnownOptions<TableContract> = { ...COMMON, format: true, zeroRows: true }
const GATE: KnownOptions<Gate> = { key: true, added: true, removed: true, changed: true, columns: true }

/**
 * Declares a contract of a table, to be delivered as NDJSON, Parquet, Arrow or Excel. Columns are a subset of the dataset's with equal types: `plan` and the compiler hold that.
 * @throws ConfigError for an option that there is none of, and without columns or `orderBy`
 */
export function tableContract<const R extends Columns>(options: TableContractOptions<R>): TableContract<R> {
  requireKnown('tableContract', options, TABLE)
  return { format: 'table', zeroRows: 'emptyFile', ...commonContract(options), ...options }
}

/** @throws ConfigError for an option of the gate that there is none of, and without columns or `orderBy` */
export function commonContract<R extends Columns>({ columns, orderBy, ...rest }: CommonOptions<R>): CommonContract<R> {
  if (Object.keys(columns ?? {}).length === 0) throw new ConfigError('a contract needs columns')
  if (!orderBy?.length) throw new ConfigError('a contract needs orderBy, a total order of its rows')
  for (const [option, names] of Object.entries({ orderBy, notNull: rest.notNull ?? [] }))
    if (!Array.isArray(names)) throw new ConfigError(`contract ${option} ${JSON.stringify(names)} must be a list of columns`)
  if (rest.gate) requireKnown('gate', rest.gate, GATE)
  const { version = 1, notNull = [], round = {}, fileName, gate } = rest
  return { columns, orderBy, version, notNull, round, fileName, gate }
}
