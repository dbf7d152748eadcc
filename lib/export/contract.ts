import type { Columns } from '../core/dataset.ts'
import { ConfigError } from '../core/errors.ts'

/** How values become CSV text. Every default is written into the manifest. */
export interface ContractOptions<R extends Columns> {
  /** The file's columns in order, each with the dataset's type. */
  readonly columns: R
  /** A total order of the rows, so that the same rows give the same bytes; a leading `-` means descending. NULLs come last. */
  readonly orderBy: readonly (`${keyof R & string}` | `-${keyof R & string}`)[]
  readonly delimiter?: string
  readonly quote?: string
  /** The text of NULL. An empty text is written quoted, so that the two stay apart. Default ''. */
  readonly null?: string
  readonly header?: boolean
  readonly lineEnd?: '\n' | '\r\n'
  readonly compression?: 'none' | 'gzip'
  /** strftime formats of date, timestamp and timestamptz columns; default ISO 8601, timestamptz in `zone`. */
  readonly dateFormat?: string
  readonly timestampFormat?: string
  /** IANA zone in which timestamptz values are written. Default UTC. */
  readonly zone?: string
  /** Decimal places of float columns, by column: float aggregates whose last digits depend on thread order are rounded here. */
  readonly round?: { readonly [C in keyof R]?: number }
  /** What an export of no rows does. Default headerOnly. */
  readonly zeroRows?: 'headerOnly' | 'noFile' | 'fail' | 'keepLast'
}

/** What the downstream team was promised: written by hand, checked at plan and at every export. */
export interface Contract<R extends Columns = Columns> extends Required<Omit<ContractOptions<R>, 'dateFormat' | 'timestampFormat'>> {
  readonly dateFormat: string | undefined
  readonly timestampFormat: string | undefined
}

/** Declares a contract. Columns are a subset of the dataset's with equal types: `plan` and the compiler hold that. */
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

/** A delivered file: a path in the store, with `{partition}`, and its contract. */
export interface Export<in C = never> {
  readonly format: 'csv'
  readonly path: string
  readonly contract: Contract
  /** Also copy the file to `path` itself, for readers that do not follow `latest.json`. */
  readonly plain: boolean
  readonly _accepts?: (columns: C) => void
}

/** Delivers a dataset as CSV. */
export function csv<const R extends Columns>(
  path: string,
  options: { readonly contract: Contract<R>; readonly plain?: boolean },
): Export<R> {
  return { format: 'csv', path, contract: options.contract as unknown as Contract, plain: options.plain ?? false }
}
