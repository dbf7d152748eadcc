import type { KIND } from './csv-memory.ts'

/** How the text of a column is read back: as the value that it stands for where that is one way only, else as text. */
export interface ReadColumn {
  readonly name: string
  readonly kind: keyof typeof KIND
  /** Of a decimal. */
  readonly scale?: number
  /** Whether a value that is not NULL must be quoted. */
  readonly quoted: boolean
}

/** What a file says it is: its dialect, and what its columns hold. */
export interface ReadDialect {
  readonly delimiter: string
  readonly quote: string
  readonly escape: string
  readonly null: string
  /** The names in the header; undefined: there is none. */
  readonly header: readonly string[] | undefined
  readonly lineEnd: '\n' | '\r\n'
  readonly booleans: readonly [yes: string, no: string]
  readonly decimalPoint: '.' | ','
  readonly columns: readonly ReadColumn[]
  /** Numbers of the columns whose values say where a row stands, in their order. */
  readonly keys: readonly number[]
}
