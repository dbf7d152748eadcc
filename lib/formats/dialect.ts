import { ConfigError } from '../core/errors.ts'
import type { FileCompression, TextEncoding } from '../engines/file-steps.ts'

/** How a foreign file is written, as far as the pipeline says; what is not given comes from the file's ending. */
export interface FormatOptions {
  readonly format?: FormatName
  readonly compression?: 'auto' | FileCompression
  readonly encoding?: TextEncoding
  readonly delimiter?: string
  readonly quote?: string
  readonly escape?: string
  readonly nulls?: readonly string[]
  readonly header?: boolean
}

export type FormatName = 'csv' | 'tsv' | 'json' | 'ndjson' | 'parquet' | 'arrow'

/** How one file is written, with nothing left open. */
export interface Dialect {
  readonly format: Exclude<FormatName, 'tsv'>
  readonly compression: FileCompression
  readonly encoding: TextEncoding
  readonly csv: CsvDialect
}

export interface CsvDialect {
  readonly delimiter: string
  /** '' for none. */
  readonly quote: string
  readonly escape: string
  /** Unquoted texts that mean NULL. */
  readonly nulls: readonly string[]
  readonly header: boolean
}

const ENDINGS: Readonly<Record<string, FormatName>> = {
  csv: 'csv',
  tsv: 'tsv',
  tab: 'tsv',
  json: 'json',
  geojson: 'json',
  ndjson: 'ndjson',
  jsonl: 'ndjson',
  parquet: 'parquet',
  arrow: 'arrow',
  arrows: 'arrow',
  feather: 'arrow',
  ipc: 'arrow',
}
const COMPRESSED: Readonly<Record<string, FileCompression>> = { gz: 'gzip', gzip: 'gzip', zst: 'zstd', zstd: 'zstd' }

/**
 * The dialect of a file: options first, then its ending (`weather.csv.gz`), never its content.
 * @throws ConfigError when neither says the format, or an option does not fit it
 */
export function dialectOf(path: string, options: FormatOptions): Dialect {
  const endings = path.toLowerCase().split('/').at(-1)?.split('.').slice(1) ?? []
  const packed = COMPRESSED[endings.at(-1) ?? '']
  const format = options.format ?? ENDINGS[endings.at(packed ? -2 : -1) ?? '']
  if (!format)
    throw new ConfigError(
      `the ending of ${path} does not say its format; give format: ${[...new Set(Object.values(ENDINGS))].join(', ')}`,
      {
        file: path,
      },
    )
  const given = options.compression ?? 'auto'
  const text = format !== 'parquet' && format !== 'arrow'
  const compression = given === 'auto' ? (packed ?? 'none') : given
  if (!text && compression !== 'none')
    throw new ConfigError(`${format} files are not read through ${compression}: unpack ${path}`, { file: path })
  const quote = options.quote ?? '"'
  return {
    format: format === 'tsv' ? 'csv' : format,
    compression,
    encoding: options.encoding ?? 'utf-8',
    csv: {
      delimiter: options.delimiter ?? (format === 'tsv' ? '\t' : ','),
      quote,
      escape: options.escape ?? quote,
      nulls: options.nulls ?? [''],
      header: options.header ?? true,
    },
  }
}

const VALUES = {
  format: ['csv', 'tsv', 'json', 'ndjson', 'parquet', 'arrow'],
  compression: ['auto', 'none', 'gzip', 'zstd'],
  encoding: ['utf-8', 'utf-16', 'latin-1'],
} as const satisfies { readonly [K in keyof FormatOptions]?: readonly NonNullable<FormatOptions[K]>[] }

/**
 * Refuses options that no file can have, and those of CSV that DuckDB's reader does not take, before anything is read.
 * @throws ConfigError
 */
export function checkFormat(options: FormatOptions): void {
  for (const name of ['format', 'compression', 'encoding'] as const) {
    const [value, allowed] = [options[name], VALUES[name] as readonly string[]]
    if (value !== undefined && !allowed.includes(value))
      throw new ConfigError(`unknown ${name} ${JSON.stringify(value)}; expected ${allowed.join(', ')}`)
  }
  const { delimiter = ',', quote = '"', nulls, header } = options
  if (nulls !== undefined && !(Array.isArray(nulls) && nulls.every((text) => typeof text === 'string')))
    throw new ConfigError(`nulls ${JSON.stringify(nulls)} is not a list of texts; write ['NA']`)
  if (header !== undefined && typeof header !== 'boolean') throw new ConfigError(`header ${JSON.stringify(header)} is not true or false`)
  if (delimiter === '' || Buffer.byteLength(delimiter) > 4)
    throw new ConfigError(`delimiter ${JSON.stringify(delimiter)} has ${Buffer.byteLength(delimiter)} bytes; expected 1 to 4`)
  for (const name of ['quote', 'escape'] as const) {
    const bytes = Buffer.byteLength(options[name] ?? '')
    if (bytes > 1)
      throw new ConfigError(`${name} ${JSON.stringify(options[name])} has ${bytes} bytes; expected one ASCII character, or '' for none`)
  }
  if (quote !== '' && delimiter.includes(quote))
    throw new ConfigError(`delimiter ${JSON.stringify(delimiter)} must not hold the quote ${JSON.stringify(quote)}`)
}

/** DuckDB's name of a compression; read_json knows no other word for none. */
export function duckdbCompression(compression: FileCompression): string {
  return compression === 'none' ? 'uncompressed' : compression
}
