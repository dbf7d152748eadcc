import type { Columns } from '../core/dataset.ts'
import { ConfigError } from '../core/errors.ts'

/**
 * How values become CSV text; what text each type has, formats/csv-values.ts lists. The file is UTF-8 without a byte-order mark. A value is quoted when it holds the delimiter, the quote, CR
 * or LF, begins with `#`, or is the null text; a quote inside is doubled. Every default is written into the manifest.
 */
export interface ContractOptions<R extends Columns> {
  /** The file's columns in order, each with the dataset's type. A name of digits alone is refused: JavaScript would put it first. */
  readonly columns: R
  /**
   * A total order of the rows, so that the same rows give the same bytes: two rows that are equal in all of them are a CheckError. A leading `-` means descending (where no column has that very
   * name). Values are compared as values, texts by their bytes; NULLs come last, NaN after all numbers.
   */
  readonly orderBy: readonly (`${keyof R & string}` | `-${keyof R & string}`)[]
  /** One ASCII character. Default `,`. */
  readonly delimiter?: string
  /** One ASCII character. Default `"`. */
  readonly quote?: string
  /**
   * The text of NULL, never quoted, while a value that is the same text always is: so with the default '' the empty text is written `""`. A contract of one column should name one: many readers skip blank
   * lines.
   */
  readonly null?: string
  /** Whether the first line names the columns. Default true. */
  readonly header?: boolean
  /** Default `\n`. Line ends inside values stay as they are. */
  readonly lineEnd?: '\n' | '\r\n'
  /** gzip: the objects end in `.gz`; members of 4 MiB of plain bytes, level 1. Default none. */
  readonly compression?: 'none' | 'gzip'
  /** strftime format of date columns. Default ISO 8601. */
  readonly dateFormat?: string
  /** strftime format of timestamp and timestamptz columns, the latter in `zone`. Default ISO 8601. */
  readonly timestampFormat?: string
  /** IANA zone in which timestamptz values are written. Default UTC. */
  readonly zone?: string
  /**
   * Decimal places of float columns, by column, half away from zero and always written out: `2` gives `7.00`. Float aggregates whose last digits depend on thread order are rounded here.
   */
  readonly round?: { readonly [C in keyof R]?: number }
  /**
   * What a dataset of no rows does. `headerOnly` (default): a file of the header. `noFile`: a manifest without files, and the plain copy is taken away. `fail`: a CheckError. `keepLast`: the
   * last delivery stays, and the partition counts as done.
   */
  readonly zeroRows?: 'headerOnly' | 'noFile' | 'fail' | 'keepLast'
}

/** What the downstream team was promised: written by hand, checked at plan and at every export. */
export interface Contract<R extends Columns = Columns> extends Required<Omit<ContractOptions<R>, 'dateFormat' | 'timestampFormat'>> {
  readonly dateFormat: string | undefined
  readonly timestampFormat: string | undefined
}

/**
 * Declares a contract. Columns are a subset of the dataset's with equal types: `plan` and the compiler hold that.
 * @throws ConfigError without columns or `orderBy`
 */
export function contract<const R extends Columns>(options: ContractOptions<R>): Contract<R> {
  if (Object.keys(options.columns).length === 0) throw new ConfigError('a contract needs columns')
  if (options.orderBy.length === 0) throw new ConfigError('a contract needs orderBy, a total order of its rows')
  return {
    delimiter: ',',
    quote: '"',
    null: '',
    header: true,
    lineEnd: '\n',
    compression: 'none',
    zone: 'UTC',
    round: {},
    zeroRows: 'headerOnly',
    dateFormat: undefined,
    timestampFormat: undefined,
    ...options,
  }
}

/**
 * A delivered file: a path in the store, with `{partition}`, and its contract. The path without its extension is the folder of the delivery's objects: `quakes/{partition}.csv` gives
 * `quakes/2018-02-04/latest.json`, which names `quakes/2018-02-04/manifest-….json`, which names `quakes/2018-02-04/….csv`.
 */
export interface Export<in C = never> {
  readonly format: 'csv'
  readonly path: string
  readonly contract: Contract
  /** Also copy the file to `path` itself, for readers that do not follow `latest.json`. */
  readonly plain: boolean
  readonly _accepts?: (columns: C) => void
}

/**
 * Delivers a dataset as CSV to `path` in the store. A partitioned dataset needs `{partition}` in the path. With `plain: true` the file is also copied to the path itself, for readers that do not
 * follow `latest.json`; such a copy is replaced in one step.
 */
export function csv<const R extends Columns>(
  path: string,
  options: { readonly contract: Contract<R>; readonly plain?: boolean },
): Export<R> {
  return { format: 'csv', path, contract: options.contract as unknown as Contract, plain: options.plain ?? false }
}
