import { ConfigError } from '../core/errors.ts'
import { quoteIdentifier, quoteLiteral } from '../core/quote.ts'

/** How a CSV file that millrace writes looks. What is quoted: values with the delimiter, the quote, CR, LF, a leading `#`, and those equal to the null text. */
export interface CsvDialect {
  readonly delimiter: string
  readonly quote: string
  /** What stands before a quote inside a value: the quote itself, or another character, which then stands before itself too. */
  readonly escape: string
  readonly null: string
  readonly header: boolean
  readonly lineEnd: '\n' | '\r\n'
}

/**
 * Refuses a dialect that the writer cannot keep. DuckDB 1.5.5 cuts a delimiter of several bytes to its first without a word, and one beyond ASCII ends the engine.
 *
 * @throws ConfigError
 */
export function checkDialect(dialect: CsvDialect): void {
  const { delimiter, quote, lineEnd } = dialect
  for (const [name, text] of Object.entries({ delimiter, quote, escape: dialect.escape }))
    if (Buffer.byteLength(text) !== 1 || ['\0', '\n', '\r'].includes(text))
      throw new ConfigError(`${name} ${JSON.stringify(text)} must be one ASCII character, not NUL and no line end`)
  if (delimiter === quote) throw new ConfigError(`delimiter and quote are both ${JSON.stringify(quote)}`)
  if (delimiter === dialect.escape) throw new ConfigError(`delimiter and escape are both ${JSON.stringify(dialect.escape)}`)
  if (lineEnd !== '\n' && lineEnd !== '\r\n') throw new ConfigError(`line end ${JSON.stringify(lineEnd)} must be "\\n" or "\\r\\n"`)
  for (const text of new Set([delimiter, quote, dialect.escape, '\n', '\r', '\0']))
    if (dialect.null.includes(text)) throw new ConfigError(`the null text ${JSON.stringify(dialect.null)} contains ${JSON.stringify(text)}`)
}

/**
 * The statement that writes a SELECT as CSV. `quoted` are columns whose values are quoted always (an empty text alone on a line would be a blank line, which many readers skip); with
 * an `escape` of its own, all that may hold it must be among them, since DuckDB escapes only inside quotes. A name of the header is quoted where its values are.
 * Never into a temporary file beside `path`: it may be a FIFO.
 */
export function copyToCsv(select: string, path: string, dialect: CsvDialect, quoted: readonly string[] = []): string {
  checkDialect(dialect)
  const options = [
    'FORMAT csv',
    'USE_TMP_FILE false',
    `HEADER ${dialect.header}`,
    `DELIMITER ${quoteLiteral(dialect.delimiter)}`,
    `QUOTE ${quoteLiteral(dialect.quote)}`,
    `ESCAPE ${quoteLiteral(dialect.escape)}`,
    `NULLSTR ${quoteLiteral(dialect.null)}`,
    `NEW_LINE '${dialect.lineEnd === '\n' ? '\\n' : '\\r\\n'}'`,
    ...(quoted.length > 0 ? [`FORCE_QUOTE (${quoted.map(quoteIdentifier).join(', ')})`] : []),
  ]
  return `COPY (${select}) TO ${quoteLiteral(path)} (${options.join(', ')})`
}
