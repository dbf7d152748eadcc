import type { Columns } from '../core/dataset.ts'
import { ConfigError } from '../core/errors.ts'
import { type Encoding, isUnicode } from '../formats/encodings.ts'
import type { Formulas } from '../formats/formulas.ts'
import type { Compression } from './members.ts'

/** How values become CSV text; what text each type has, formats/csv-values.ts lists. Every default is written into the manifest. */
export interface ContractOptions<R extends Columns> {
  /** The file's columns in order, each with the dataset's type. A name of digits alone is refused: JavaScript would put it first. */
  readonly columns: R
  /** The contract's version, a whole number. Default 1. A delivery whose columns are removed, renamed, retyped or in another order than those of the last one, or whose rows are written otherwise (delimiter, encoding, formats, …), is refused unless this grew: readers are told by it. */
  readonly version?: number
  /** Columns that are never NULL: a row in which one is fails the delivery. Default none. */
  readonly notNull?: readonly `${keyof R & string}`[]
  /**
   * What becomes of texts (of columns of type text, json, list and struct, and of the header) that a spreadsheet would run as a formula: they begin with `=`, `+`, `-`, `@`, their full-width forms, tab, CR, LF or NUL, or
   * one of the signs stands after a delimiter, a quote or a line end inside. `raw`: as they are, for readers that are programs. `escape`: an apostrophe before each, which readers see. `reject`: such a row fails the
   * delivery. Numbers are never touched. There is no default.
   */
  readonly formulas: Formulas
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
   * Which values are quoted. `minimal` (default): those that hold the delimiter, the quote, CR or LF, begin with `#`, or are the null text. `nonNumeric`: all but numbers. `all`. NULL itself never is. The name of a column
   * that is quoted is, too.
   */
  readonly quoting?: 'minimal' | 'nonNumeric' | 'all'
  /** What stands before a quote inside a value, one ASCII character. Default the quote: it is doubled. Another one stands before itself too, and needs `quoting` `nonNumeric` or `all`. */
  readonly escape?: string
  /**
   * The text of NULL, never quoted, while a value that is the same text always is: so with the default '' the empty text is written `""`. A contract of one column should name one: many readers skip blank
   * lines.
   */
  readonly null?: string
  /** Whether the first line names the columns. Default true. */
  readonly header?: boolean
  /** Default `\n`. Line ends inside values stay as they are. */
  readonly lineEnd?: '\n' | '\r\n'
  /** Default `utf-8`. `utf-16le` and `windows-1252` as WHATWG has them; `latin-1` is ISO 8859-1. */
  readonly encoding?: Encoding
  /** Whether the file begins with a byte-order mark: Excel takes UTF-8 for UTF-8 only so. Default false; only with utf-8 and utf-16le. */
  readonly byteOrderMark?: boolean
  /** Of `latin-1` and `windows-1252`, where it must be given: what becomes of a character that the encoding has not. `fail`: such a row fails the delivery. `replace`: a `?` for each. */
  readonly unfit?: 'fail' | 'replace'
  /** gzip: the objects end in `.gz`; members of 4 MiB of plain bytes, level 1. zstd: in `.zst`, frames likewise, level 3. Default none. */
  readonly compression?: 'none' | Compression
  /** The texts of true and false. Default `true` and `false`. */
  readonly booleans?: readonly [yes: string, no: string]
  /** What stands before the fraction of decimals and floats. Default `.`. */
  readonly decimalPoint?: '.' | ','
  /** strftime format of date columns. Default ISO 8601. */
  readonly dateFormat?: string
  /** strftime format of timestamp and timestamptz columns, the latter in `zone`. Default ISO 8601. */
  readonly timestampFormat?: string
  /** IANA zone in which timestamptz values are written. Default UTC. */
  readonly zone?: string
  /**
   * Decimal places of float and decimal columns, by column, half away from zero and always written out: `2` gives `7.00`. Float aggregates whose last digits depend on thread order are rounded here.
   */
  readonly round?: { readonly [C in keyof R]?: number }
  /**
   * Cuts the rows into several files, each with the header: after so many rows, or before the row with which a file would have more bytes (of UTF-8, before compression). Default one file. The manifest names the files
   * in order.
   */
  readonly split?: { readonly rows: number } | { readonly bytes: number }
  /**
   * How the immutable files are called, without extension: text with `{key}` (12 digits of the input key) and `{sha}` (8 of the content's SHA-256), and, as is wanted, `{name}` (the last part of the export's path),
   * `{partition}` and `{part}` (`0001`, from which the file's place among the split ones is told). Default `{key}-{sha}`; with `split` `{key}-{part}-{sha}`.
   */
  readonly fileName?: string
  /**
   * What a dataset of no rows does. `headerOnly` (default): a file of the header. `noFile`: a manifest without files, and the plain copy is taken away. `fail`: a CheckError. `keepLast`: the
   * last delivery stays, and the partition counts as done.
   */
  readonly zeroRows?: 'headerOnly' | 'noFile' | 'fail' | 'keepLast'
}

/** What the downstream team was promised: written by hand, checked at plan and at every export. */
export interface Contract<R extends Columns = Columns>
  extends Required<Omit<ContractOptions<R>, 'dateFormat' | 'timestampFormat' | 'unfit' | 'split' | 'fileName'>> {
  readonly dateFormat: string | undefined
  readonly timestampFormat: string | undefined
  readonly unfit: 'fail' | 'replace' | undefined
  readonly split: { readonly rows: number } | { readonly bytes: number } | undefined
  readonly fileName: string | undefined
}

/**
 * Declares a contract. Columns are a subset of the dataset's with equal types: `plan` and the compiler hold that.
 * @throws ConfigError without columns or `orderBy`, or an answer for characters that the encoding has not
 */
export function contract<const R extends Columns>(options: ContractOptions<R>): Contract<R> {
  if (Object.keys(options.columns).length === 0) throw new ConfigError('a contract needs columns')
  if (options.orderBy.length === 0) throw new ConfigError('a contract needs orderBy, a total order of its rows')
  if (options.unfit === undefined && !isUnicode(options.encoding ?? 'utf-8'))
    throw new ConfigError(`a contract in ${options.encoding} needs unfit: "fail" or "replace", for characters that it has not`)
  return {
    version: 1,
    notNull: [],
    delimiter: ',',
    quote: '"',
    quoting: 'minimal',
    escape: options.quote ?? '"',
    null: '',
    header: true,
    lineEnd: '\n',
    encoding: 'utf-8',
    byteOrderMark: false,
    unfit: undefined,
    compression: 'none',
    booleans: ['true', 'false'],
    decimalPoint: '.',
    zone: 'UTC',
    round: {},
    zeroRows: 'headerOnly',
    dateFormat: undefined,
    timestampFormat: undefined,
    split: undefined,
    fileName: undefined,
    ...options,
  }
}

/**
 * A delivered dataset: a path in the store, with `{partition}`, and its contract. The path without its extension is the folder of the delivery's objects: `quakes/{partition}.csv` gives
 * `quakes/2018-02-04/latest.json`, which names `quakes/2018-02-04/manifest-….json`, which names `quakes/2018-02-04/….csv`. In a named delivery that folder lies in the delivery's, whose own `latest.json` is the only one.
 */
export interface Export<in C = never> {
  readonly format: 'csv'
  readonly path: string
  readonly contract: Contract
  /** Also copy the file to `path` itself, for readers that do not follow `latest.json`. */
  readonly plain: boolean
  /** The named delivery that it is part of. */
  readonly delivery: string | undefined
  readonly _accepts?: (columns: C) => void
}

export interface ExportOptions<R extends Columns> {
  readonly contract: Contract<R>
  /** Also copy the file to the path itself, for readers that do not follow `latest.json`; such a copy is replaced in one step. Not with `split`: several files cannot be. */
  readonly plain?: boolean
  /**
   * The name of a delivery that commits as one, with one manifest and one switch of `<name>/latest.json`: all exports of the pipeline that say the same name, of all partitions. It is switched at the end of a run, when every
   * partition of the run has succeeded. With `{partition}` in the name each partition is a delivery of its own, switched at the partition's end.
   */
  readonly delivery?: string
}

/** Delivers a dataset as CSV to `path` in the store. A partitioned dataset needs `{partition}` in the path. */
export function csv<const R extends Columns>(path: string, options: ExportOptions<R>): Export<R> {
  const { contract, plain = false, delivery } = options
  return { format: 'csv', path, contract: contract as unknown as Contract, plain, delivery }
}
