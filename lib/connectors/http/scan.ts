import type { HttpRequest } from '../requests.ts'
import { jsonScanner } from './scan-json.ts'
import { csvScanner } from './scan-lines.ts'
import type { BodyScanner } from './scanner.ts'

/** The scanner of a request's bodies. */
export function scannerOf(request: HttpRequest): BodyScanner {
  const { format = 'json', rows, paging, csv } = request
  if (format === 'csv') return csvScanner({ header: csv?.header ?? true, quote: csv?.quote ?? '"' })
  return jsonScanner({
    lines: format === 'ndjson',
    rows: rows === undefined ? [] : rows.split('.'),
    ...(paging?.by === 'cursor' && { next: paging.next.split('.') }),
  })
}
