import { quoteLiteral } from '../core/quote.ts'

/** COPY of a SELECT of one text, never NULL, as lines that end in LF: DuckDB's CSV without delimiter, quote and header. Never into a temporary file beside `path`: it may be a FIFO. */
export function copyLines(select: string, path: string): string {
  return `COPY (${select}) TO ${quoteLiteral(path)} (FORMAT csv, USE_TMP_FILE false, HEADER false, DELIMITER '', QUOTE '', ESCAPE '')`
}
