import type { HttpRequest } from '../requests.ts'
import { jsonScanner } from './scan-json.ts'
import { csvScanner } from './scan-lines.ts'

/** What the paging needs to know of a body. */
export interface BodyFacts {
  readonly rows: number
  /** The next cursor, where the request pages by one. */
  readonly next?: string
  /** SHA-256 of the rows' bytes: two pages with equal rows have equal hashes, whatever stands around them. */
  readonly rowsHash: string
  /** Why this is not a whole body of the declared format. */
  readonly problem?: string
}

/** Looks through the bytes of a body as they pass, in bounded memory. */
export interface BodyScanner {
  feed(chunk: Uint8Array): void
  end(): BodyFacts
}

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
