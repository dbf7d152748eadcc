import { basename } from 'node:path'
import { CheckError } from '../core/errors.ts'

/** What to do about a text that is not UTF-8. */
export const NOT_UTF8 = "say how the file is written: encoding: 'latin-1' or 'utf-16'"

/** What DuckDB's message says about a file's structure, in our words. */
export interface StructureFault {
  /** Where and what: `line 3 of a.csv has 1 column, not 2`. */
  readonly message: string
  readonly file?: string
  readonly hint?: string
}

/** Reads DuckDB's message about a file that is not built as its format wants; undefined for any other message. */
export function structureFault(message: string): StructureFault | undefined {
  return csvFault(message) ?? jsonFault(message) ?? parquetFault(message)
}

function csvFault(message: string): StructureFault | undefined {
  if (/Error when converting column/.test(message)) return undefined
  const path = /^ {2}file ?= ?(.*)$/m.exec(message)?.[1]
  const file = path === undefined ? undefined : basename(path)
  if (/CSV Parser state machine reached an invalid state/.test(message))
    return {
      message: `${file ?? 'a CSV file'} does not keep to one line end, or to its quotes`,
      ...(file !== undefined && { file }),
      hint: 'write all lines of it with the same line end',
    }
  const line = /CSV Error on Line: (\d+)/.exec(message)?.[1]
  if (line === undefined) return undefined
  const found = (what: string, hint?: string): StructureFault => ({
    message: `line ${line}${file === undefined ? '' : ` of ${file}`} ${what}`,
    ...(file !== undefined && { file }),
    ...(hint !== undefined && { hint }),
  })
  const columns = /Expected Number of Columns: (\d+) Found: (\d+)/.exec(message)
  if (columns) return found(`has ${columns[2]} ${columns[2] === '1' ? 'column' : 'columns'}, not ${columns[1]}`)
  if (/unterminated quote/.test(message)) return found('has a quote that is not closed, or text after one')
  if (/Invalid unicode/.test(message)) return found('is not UTF-8 text', NOT_UTF8)
  if (/Maximum line size/.test(message)) return found('is longer than 8 MiB')
  return found(`cannot be read: ${message.split('\n').find((text) => !/^(Invalid Input Error|Original Line)/.test(text)) ?? ''}`)
}

function jsonFault(message: string): StructureFault | undefined {
  const top = /Expected top-level JSON array .* in file "(.*)"/.exec(message)?.[1]
  if (top !== undefined)
    return { message: `${basename(top)} is not a JSON array`, file: basename(top), hint: "for one object a line, say format: 'ndjson'" }
  const large = /"maximum_object_size" of (\d+) bytes exceeded while reading file "(.*?)"/.exec(message)
  if (large)
    return {
      message: `${basename(large[2] ?? '')} has a row of more than ${Number(large[1]) / 2 ** 20} MiB`,
      file: basename(large[2] ?? ''),
    }
  const malformed =
    /Malformed JSON in file "(.*)", at byte \d+ in (line|record\/value) (\d+): (.*?)\.( Try auto-detecting the JSON format)? *$/m.exec(
      message,
    )
  if (malformed) {
    const [, path = '', unit, count, what, lines] = malformed
    // DuckDB counts one too many.
    const at = `${unit === 'line' ? 'line' : 'record'} ${Math.max(1, Number(count) - 1)} of ${basename(path)}`
    return {
      message: `${at} is not JSON: ${what}`,
      file: basename(path),
      ...(lines !== undefined && { hint: 'NDJSON has one whole object on each line' }),
    }
  }
  const record = /JSON transform error in file "(.*)", in (line|record\/value) (\d+): (.*)/.exec(message)
  if (!record) return undefined
  const [, path = '', unit, count, what] = record
  return { message: `${unit === 'line' ? 'line' : 'record'} ${count} of ${basename(path)}: ${what}`, file: basename(path) }
}

function parquetFault(message: string): StructureFault | undefined {
  const small = /File '(.*)' too small to be a Parquet file/.exec(message)?.[1]
  const magic = /No magic bytes found at end of file '(.*)'/.exec(message)?.[1]
  const path = small ?? magic
  if (path === undefined) return undefined
  return { message: `${basename(path)} is not a whole Parquet file`, file: basename(path) }
}

/** The error for a file that could not be read, in our words where its structure is at fault. `called`: what people call a file of this name, where they call it otherwise. */
export function withStructure(error: unknown, dataset: string, called?: (name: string) => string | undefined): unknown {
  if (!(error instanceof CheckError) || !(error.cause instanceof Error)) return error
  const fault = structureFault(error.cause.message)
  if (!fault) return error
  const { message, file, hint } = fault
  const known = (file !== undefined ? called?.(file) : undefined) ?? file
  return new CheckError(file === undefined || known === undefined ? message : message.replace(file, () => known), {
    ...error.place,
    dataset,
    ...(known !== undefined && { file: known }),
    ...(hint !== undefined && { hint }),
    cause: error.cause,
  })
}
