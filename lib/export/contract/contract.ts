import type { Columns } from '../../core/dataset.ts'
import { ConfigError } from '../../core/errors.ts'
import { type KnownOptions, requireKnown } from '../../core/known-options.ts'
import { type Encoding, isUnicode } from '../../formats/encodings.ts'
import type { Formulas } from '../../formats/formulas.ts'
import type { Compression } from '../write/members.ts'
import { COMMON, type CommonContract, type CommonOptions, commonContract, type SplitRows } from './table-contract.ts'

/** What readers of a CSV file can rely on, and how values become its text; what text each type has, formats/csv-values.ts lists. Every default is written into the manifest. */
export interface ContractOptions<R extends Columns> extends CommonOptions<R> {
  /**
   * What becomes of texts (of columns of type text and json, of lists and structs that hold such, and of the header) that a spreadsheet would run as a formula: they begin with `=`, `+`, `-`, `@`, their full-width forms,
   * tab, CR, LF or NUL, or one of the signs stands after a delimiter (the contract's, comma, semicolon or tab, of which a spreadsheet takes its locale's), a quote (the contract's, or `"`) or a line end inside. `raw`: as they are, for readers that
   * are programs. `escape`: an apostrophe before each, which readers see. `reject`: such a row fails the delivery. Columns of numbers are never touched. There is no default.
   */
  readonly formulas: Formulas
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
   * Cuts the rows into several files, each with the header: after so many rows, or before the row with which a file would have more bytes (of UTF-8, before compression). Default one file. The manifest names the files
   * in order.
   */
  readonly split?: SplitRows
  /**
   * What a dataset of no rows does. `headerOnly` (default): a file of the header. `noFile`: a manifest without files, and the plain copy is taken away. `fail`: a CheckError. `keepLast`: the
   * last delivery stays, and the partition counts as done.
   */
  readonly zeroRows?: 'headerOnly' | 'noFile' | 'fail' | 'keepLast'
}

/** What the downstream team was promised of a CSV file: written by hand, checked at plan and at every export. */
export interface Contract<R extends Columns = Columns>
  extends CommonContract<R>,
    Required<Omit<ContractOptions<R>, keyof CommonOptions<R> | 'dateFormat' | 'timestampFormat' | 'unfit' | 'split'>> {
  readonly format: 'csv'
  readonly dateFormat: string | undefined
  readonly timestampFormat: string | undefined
  readonly unfit: 'fail' | 'replace' | undefined
  readonly split: SplitRows | undefined
}

const KNOWN: KnownOptions<Contract> = {
  ...COMMON,
  format: true,
  formulas: true,
  delimiter: true,
  quote: true,
  quoting: true,
  escape: true,
  null: true,
  header: true,
  lineEnd: true,
  encoding: true,
  byteOrderMark: true,
  unfit: true,
  compression: true,
  booleans: true,
  decimalPoint: true,
  dateFormat: true,
  timestampFormat: true,
  zone: true,
  split: true,
  zeroRows: true,
}

/**
 * Declares a contract of a CSV file. Columns are a subset of the dataset's with equal types: `plan` and the compiler hold that.
 * @throws ConfigError for an option that there is none of, without columns or `orderBy`, or an answer for characters that the encoding has not
 */
export function contract<const R extends Columns>(options: ContractOptions<R>): Contract<R> {
  requireKnown('contract', options, KNOWN)
  if (options.unfit === undefined && !isUnicode(options.encoding ?? 'utf-8'))
    throw new ConfigError(`a contract in ${options.encoding} needs unfit: "fail" or "replace", for characters that it has not`)
  return {
    format: 'csv',
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
    zeroRows: 'headerOnly',
    dateFormat: undefined,
    timestampFormat: undefined,
    split: undefined,
    ...commonContract(options),
    ...options,
  }
}
