import { mkdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { FileStep } from '../engines/file-steps.ts'
import type { Reader } from '../engines/reader.ts'
import { headOf } from './csv-head.ts'
import { type Dialect, dialectOf, type FormatOptions } from './dialect.ts'

/** A foreign file: where it is, and how messages call it. */
export interface ForeignFile {
  readonly path: string
  readonly name: string
}

/** A file as it is to be read: `path` may be a copy that the reader child made, or a pattern of several. */
export interface ReadyFile extends ForeignFile {
  readonly dialect: Dialect
}

/** What the reader needs to know to look at files before they are read. */
export interface FilesToReady {
  readonly dataset: string
  readonly files: readonly ForeignFile[]
  readonly options: FormatOptions
  readonly reader: Reader
  readonly signal: AbortSignal
  /** A new folder for what has to be written anew (Arrow, other encodings); the caller removes it. */
  readonly folder: string
}

const MARK = Buffer.from([0xef, 0xbb, 0xbf])

/** Has the reader child do what must come before a file can be read, in one job: ends looked at, other encodings and Arrow written anew. */
export async function readyFiles({ dataset, files, options, reader, signal, folder }: FilesToReady): Promise<readonly ReadyFile[]> {
  const steps: FileStep[] = []
  const arrow: { from: string; to: string }[] = []
  const ready: ReadyFile[] = []
  for (const [i, file] of files.entries()) {
    const dialect = dialectOf(file.name, options)
    const copy = join(folder, String(i + 1).padStart(6, '0'))
    const { compression, encoding, format } = dialect
    const array = format === 'json'
    if (format === 'parquet') ready.push({ ...file, dialect })
    else if (format === 'arrow') {
      arrow.push({ from: file.path, to: copy })
      ready.push({ ...file, path: join(copy, '*.parquet'), dialect })
    } else if (encoding !== 'utf-8' || (format !== 'csv' && (await headOf(file.path, compression, MARK.length)).equals(MARK))) {
      // In a folder of its own under its own name: DuckDB's messages name the copy.
      const to = join(copy, basename(file.name))
      await mkdir(copy, { recursive: true })
      steps.push({ do: 'utf8', file: file.path, to, compression, encoding })
      if (array) steps.push({ do: 'check', file: to, compression: 'none', array })
      ready.push({ name: file.name, path: to, dialect: { ...dialect, compression: 'none', encoding: 'utf-8' } })
    } else {
      if (compression !== 'none' || array) steps.push({ do: 'check', file: file.path, compression, array })
      ready.push({ ...file, dialect })
    }
  }
  if (steps.length + arrow.length > 0) {
    await mkdir(folder, { recursive: true })
    await reader.execute({ dataset, files: files.map(({ path }) => path), steps, arrow }, signal)
  }
  return ready
}
