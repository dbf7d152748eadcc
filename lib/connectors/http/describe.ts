import type { RunContext } from '../../core/context.ts'
import type { Columns } from '../../core/dataset.ts'
import { CheckError } from '../../core/errors.ts'
import { quoteIdentifier, quoteList, quoteLiteral } from '../../core/quote.ts'
import type { Reader } from '../../engines/reader.ts'
import { textFromDuckdbType } from '../../engines/types.ts'
import { sniffedJsonType } from '../../formats/json.ts'
import type { HttpRequest } from '../requests.ts'
import type { Read } from '../source.ts'
import type { PageFile } from './pages.ts'
import { dialectOfPages, largestObject, rowsPath } from './rows.ts'

/**
 * Columns and types of a sample of pages, as DuckDB finds them; a type that millrace does not have becomes `json`. What is null in every row of the sample is `json`, too.
 * @throws CheckError when there is no row to look at
 */
export async function columnsOfPages(
  files: readonly PageFile[],
  request: HttpRequest,
  read: Omit<Read, 'columns'>,
  reader: Reader,
  ctx: RunContext,
): Promise<Columns> {
  if (files.length === 0)
    throw new CheckError('the service gave no row, so its columns cannot be told', { stage: 'extract', dataset: read.dataset })
  const paths = files.map(({ file }) => file)
  const sample = request.format === 'csv' ? csvSample(paths, request) : jsonSample(paths, request, largestObject(files))
  const { meta } = await reader.execute({ dataset: read.dataset, files: paths, meta: { sql: `DESCRIBE ${sample}` } }, ctx.signal)
  const columns = meta.map(
    ({ column_name: name, column_type: type }) => [name ?? '', textFromDuckdbType(sniffedJsonType(type ?? '')) ?? 'json'] as const,
  )
  return { ...Object.fromEntries(columns), ...(request.each && { [`parent_${request.each.column}`]: 'text' }) }
}

function jsonSample(paths: readonly string[], request: HttpRequest, objectBytes: number): string {
  const path = rowsPath(request)
  const format = path.length > 0 ? 'unstructured' : request.format === 'ndjson' ? 'newline_delimited' : 'array'
  const options = [
    'sample_size = -1',
    'map_inference_threshold = -1',
    'field_appearance_threshold = 0',
    `maximum_object_size = ${objectBytes}`,
  ]
  const all = `read_json(${quoteList(paths)}, format = '${format}', ${options.join(', ')})`
  return path.length === 0
    ? `SELECT * FROM ${all}`
    : `SELECT __r.* FROM (SELECT unnest(${path.map(quoteIdentifier).join('.')}) AS __r FROM ${all})`
}

function csvSample(paths: readonly string[], request: HttpRequest): string {
  const { csv } = dialectOfPages(request)
  const options = [
    `header = ${csv.header}`,
    `delim = ${quoteLiteral(csv.delimiter)}`,
    `quote = ${quoteLiteral(csv.quote)}`,
    `escape = ${quoteLiteral(csv.escape)}`,
    `nullstr = ${quoteList(csv.nulls)}`,
    'sample_size = -1',
  ]
  return `SELECT * FROM read_csv(${quoteList(paths)}, ${options.join(', ')})`
}
