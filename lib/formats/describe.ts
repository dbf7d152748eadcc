import type { Columns } from '../core/dataset.ts'
import { CheckError } from '../core/errors.ts'
import { quoteIdentifier, quoteList, quoteLiteral } from '../core/quote.ts'
import { type ColumnType, duckdbType, parseType, textFromDuckdbType, typeText } from '../engines/types.ts'
import { positionsOf, readCsv } from './csv.ts'
import { firstRecord } from './csv-head.ts'
import { duckdbCompression } from './dialect.ts'
import { withStructure } from './file-faults.ts'
import { readJson, sniffedJsonType } from './json.ts'
import { parquetGroups } from './parquet-columns.ts'
import { type FilesToReady, type ReadyFile, readyFiles } from './ready-files.ts'
import { strictCast, textual, tried } from './strict.ts'

const SAMPLE_ROWS = 20_480

/**
 * Columns and types of foreign files, as DuckDB finds them in the first 20,480 rows of the first file; of Parquet and Arrow those that the file says. A type that a value of the sample does not fit exactly (a leading
 * zero, a zone on a naive time) gives way to one that it does, in the end to text.
 */
export async function describeForeignFiles(request: FilesToReady): Promise<Columns> {
  const [first] = request.files
  if (!first) throw new RangeError('no file to describe')
  const [file] = await readyFiles({ ...request, files: [first] })
  if (!file) throw new RangeError('no file was made ready')
  const { dataset, reader, signal } = request
  const { format } = file.dialect
  if (format === 'parquet' || format === 'arrow') {
    const [group] = await parquetGroups({ dataset, files: [file], reader, signal })
    return Object.fromEntries(Object.entries(group?.columns ?? {}).map(([name, { type }]) => [name, type]))
  }
  const sniffed = format === 'csv' ? await sniffCsv(file, request) : await sniffJson(file, request)
  return fitted(sniffed, file, request)
}

type Named = readonly (readonly [name: string, type: ColumnType])[]

async function describe(sql: string, file: ReadyFile, { dataset, reader, signal }: FilesToReady): Promise<Named> {
  const job = { dataset, files: [file.path], meta: { sql: `DESCRIBE SELECT * FROM ${sql}` } }
  const { meta } = await reader.execute(job, signal).catch((error: unknown) => {
    throw withStructure(error, dataset)
  })
  return meta.map((row) => [row.column_name ?? '', parseType(textFromDuckdbType(sniffedJsonType(row.column_type ?? '')) ?? 'text')])
}

async function sniffCsv(file: ReadyFile, request: FilesToReady): Promise<Named> {
  const { csv, compression } = file.dialect
  const header = await firstRecord(file.path, compression, csv)
  if (!header)
    throw new CheckError(`${file.name} is empty: it has no ${csv.header ? 'header' : 'row'}`, { dataset: request.dataset, file: file.name })
  const names = header.map((name, i) => (csv.header ? name : `column${i}`))
  const options = [
    'auto_detect = true',
    'strict_mode = true',
    `sample_size = ${SAMPLE_ROWS}`,
    `header = ${csv.header}`,
    `delim = ${quoteLiteral(csv.delimiter)}`,
    `quote = ${quoteLiteral(csv.quote)}`,
    `escape = ${quoteLiteral(csv.escape)}`,
    `nullstr = ${quoteList(csv.nulls)}`,
    'allow_quoted_nulls = false',
    `compression = ${quoteLiteral(duckdbCompression(compression))}`,
  ]
  const types = await describe(`read_csv(${quoteLiteral(file.pattern)}, ${options.join(', ')})`, file, request)
  return names.map((name, i) => [name, types[i]?.[1] ?? { name: 'text' }])
}

function sniffJson(file: ReadyFile, request: FilesToReady): Promise<Named> {
  const { format, compression } = file.dialect
  const options = [
    'auto_detect = true',
    `format = '${format === 'ndjson' ? 'newline_delimited' : 'array'}'`,
    `records = 'true'`,
    `sample_size = ${SAMPLE_ROWS}`,
    'maximum_depth = -1',
    'map_inference_threshold = -1',
    'field_appearance_threshold = 0',
    `compression = ${quoteLiteral(duckdbCompression(compression))}`,
  ]
  return describe(`read_json(${quoteLiteral(file.pattern)}, ${options.join(', ')})`, file, request)
}

/** The columns with types that every value of the sample fits. */
async function fitted(sniffed: Named, file: ReadyFile, request: FilesToReady): Promise<Columns> {
  let columns = sniffed
  for (let round = 0; round < 3; round++) {
    const misfits = await misfitsOf(columns, file, request)
    if (misfits.size === 0) break
    columns = columns.map(([name, type], i) => [name, misfits.has(i) ? looser(type, round) : type])
  }
  return Object.fromEntries(columns.map(([name, type]) => [name, typeText(type)]))
}

/** First an instant for a naive time; then text for everything that is not a number or a boolean by nature; then text. */
function looser(type: ColumnType, round: number): ColumnType {
  if (type.name === 'list') return { name: 'list', of: looser(type.of, round) }
  if (type.name === 'struct') return { name: 'struct', fields: type.fields.map((field) => ({ ...field, type: looser(field.type, round) })) }
  if (round === 0) return type.name === 'timestamp' ? { name: 'timestamptz' } : type
  return { name: 'text' }
}

async function misfitsOf(columns: Named, file: ReadyFile, { dataset, reader, signal }: FilesToReady): Promise<ReadonlySet<number>> {
  const { dialect, path, pattern } = file
  const csv = dialect.format === 'csv'
  const raw: Named = columns.map(([name, type]) => [name, csv ? { name: 'text' } : textual(type)])
  const table = csv
    ? readCsv(
        [pattern],
        columns.map(() => 'VARCHAR'),
        dialect,
      )
    : readJson([pattern], Object.fromEntries(raw.map(([name, type]) => [name, typeText(type)])), dialect)
  const positions = csv
    ? positionsOf(
        columns.map(([name]) => name),
        columns.map(([name]) => name),
        false,
        { dataset, file: file.name },
      )
    : []
  const checks = columns.map(([name, type], i) => {
    const value = csv ? `c${positions[i]}` : quoteIdentifier(name)
    const strict = strictCast(value, raw[i]?.[1] ?? { name: 'text' }, type)
    const zero =
      csv &&
      /int|decimal|float/.test(
        duckdbType(type)
          .toLowerCase()
          .replace(/double/, 'float'),
      )
        ? ` OR regexp_matches(${value}, '^[+-]?0[0-9]')`
        : ''
    return `count(*) FILTER (${value} IS NOT NULL AND (${tried(strict)} IS NULL${zero})) AS m${i}`
  })
  const { meta } = await reader.execute(
    { dataset, files: [path], meta: { sql: `SELECT ${checks.join(', ')} FROM (SELECT * FROM ${table} LIMIT ${SAMPLE_ROWS})` } },
    signal,
  )
  return new Set(columns.flatMap((_, i) => (meta[0]?.[`m${i}`] === '0' ? [] : [i])))
}
