import { mkdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Columns } from '../core/dataset.ts'
import type { FileStep } from '../engines/file-steps.ts'
import type { Reader } from '../engines/reader.ts'
import { type ColumnType, parseType } from '../engines/types.ts'
import { headOf } from './csv-head.ts'
import { type Dialect, dialectOf, type FormatOptions } from './dialect.ts'

/** A foreign file: where it is, and how messages call it. */
export interface ForeignFile {
  readonly path: string
  readonly name: string
}

/** A file as it is to be read: `path` may be a copy that the reader child made, or a folder of several. */
export interface ReadyFile extends ForeignFile {
  /** How DuckDB names it, which takes every path as a pattern. */
  readonly pattern: string
  readonly dialect: Dialect
}

/** A path that DuckDB takes as it is: in `[…]` its wild cards mean themselves. */
export function patternOf(path: string): string {
  return path.replace(/[*?[]/g, '[$&]')
}

/** What the reader needs to know to look at files before they are read. */
export interface FilesToReady {
  readonly dataset: string
  readonly files: readonly ForeignFile[]
  readonly options: FormatOptions
  readonly reader: Reader
  readonly signal: AbortSignal
  /** The declared columns, where they are known: JSON numbers that would lose digits in them are kept. */
  readonly columns?: Columns
  /** A new folder for what has to be written anew (Arrow, other encodings); the caller removes it. */
  readonly folder: string
}

const MARK = Buffer.from([0xef, 0xbb, 0xbf])

/** Has the reader child do what must come before a file can be read, in one job: ends looked at, other encodings and Arrow written anew. */
export async function readyFiles({
  dataset,
  files,
  options,
  reader,
  signal,
  folder,
  columns,
}: FilesToReady): Promise<readonly ReadyFile[]> {
  const steps: FileStep[] = []
  const arrow: { from: string; to: string }[] = []
  const ready: ReadyFile[] = []
  const numbers = numberColumns(columns ?? {})
  const perhaps: { readonly step: number; readonly index: number; readonly to: string }[] = []
  const keep = (file: Omit<ReadyFile, 'pattern'>, to: string) => {
    const { format, compression } = file.dialect
    if (numbers.quote.length + numbers.keep.length > 0 && (format === 'json' || format === 'ndjson')) {
      steps.push({ do: 'numbers', file: file.path, to, compression, array: format === 'json', ...numbers })
      perhaps.push({ step: steps.length - 1, index: ready.length, to })
    }
    ready.push({ ...file, pattern: patternOf(file.path) })
  }
  for (const [i, file] of files.entries()) {
    const dialect = dialectOf(file.name, options)
    const copy = join(folder, String(i + 1).padStart(6, '0'))
    const { compression, encoding, format } = dialect
    const array = format === 'json'
    if (format === 'parquet') ready.push({ ...file, pattern: patternOf(file.path), dialect })
    else if (format === 'arrow') {
      arrow.push({ from: file.path, to: copy })
      ready.push({ ...file, path: copy, pattern: `${patternOf(copy)}/*.parquet`, dialect })
    } else if (encoding !== 'utf-8' || (format !== 'csv' && (await headOf(file.path, compression, MARK.length)).equals(MARK))) {
      const to = join(copy, 'utf8', basename(file.name))
      steps.push({ do: 'utf8', file: file.path, to, compression, encoding })
      if (array) steps.push({ do: 'check', file: to, compression: 'none', array })
      keep(
        { name: file.name, path: to, dialect: { ...dialect, compression: 'none', encoding: 'utf-8' } },
        join(copy, 'numbers', basename(file.name)),
      )
    } else {
      if (compression !== 'none' || array) steps.push({ do: 'check', file: file.path, compression, array })
      keep({ ...file, dialect }, join(copy, 'numbers', basename(file.name)))
    }
  }
  if (steps.length + arrow.length > 0) {
    // Copies lie in folders of their own under their files' names, for DuckDB's messages name the copy.
    for (const step of steps) if ('to' in step) await mkdir(dirname(step.to), { recursive: true })
    await mkdir(folder, { recursive: true })
    const { found } = await reader.execute({ dataset, files: files.map(({ path }) => path), steps, arrow }, signal)
    for (const { step, index, to } of perhaps) {
      const file = ready[index]
      if (file && found?.[step])
        ready[index] = { ...file, path: to, pattern: patternOf(to), dialect: { ...file.dialect, compression: 'none' } }
    }
  }
  return ready
}

/** Columns in which a JSON number may lose digits that the type would hold: `keep` holds JSON itself, so its numbers cannot become texts. */
function numberColumns(columns: Columns): { readonly quote: readonly string[]; readonly keep: readonly string[] } {
  const names = (type: ColumnType): readonly string[] =>
    type.name === 'list' ? names(type.of) : type.name === 'struct' ? type.fields.flatMap((field) => names(field.type)) : [type.name]
  const each = Object.entries(columns).map(([column, type]) => [column, names(parseType(type))] as const)
  return {
    keep: each.filter(([, types]) => types.includes('json')).map(([column]) => column),
    quote: each
      .filter(([, types]) => !types.includes('json') && (types.includes('decimal') || types.includes('text')))
      .map(([column]) => column),
  }
}
