/** A field as it stands in the file: a quoted empty text is not an unquoted one. */
export interface Field {
  readonly text: string
  readonly quoted: boolean
}

/**
 * Reads CSV by the letter of RFC 4180, with the dialect's delimiter, quote, escape (default: the quote) and line end, and nothing else: a quote inside an unquoted field, text after a closing quote, a line end of the other
 * kind outside quotes, a missing last line end and lines of different lengths are errors. Shares nothing with the code under test.
 */
export function parseCsv(text: string, dialect: { delimiter: string; quote: string; lineEnd: string; escape?: string }): Field[][] {
  const { delimiter, quote, lineEnd } = dialect
  const before = dialect.escape ?? quote
  const records: Field[][] = []
  let record: Field[] = []
  let at = 0
  const fail = (what: string): never => {
    throw new Error(
      `${what} at character ${at}, record ${records.length + 1}: ${JSON.stringify(text.slice(Math.max(0, at - 20), at + 20))}`,
    )
  }
  while (at < text.length) {
    let value = ''
    const quoted = text.startsWith(quote, at)
    if (quoted) {
      for (at += 1; ; at += 1) {
        if (at >= text.length) fail('a quote is not closed')
        const escaped = text[at] === before && (text[at + 1] === quote || text[at + 1] === before)
        if (!escaped && text[at] === quote) break
        if (escaped) at += 1
        value += text[at]
      }
      at += 1
    } else {
      while (at < text.length && text[at] !== delimiter && !text.startsWith(lineEnd, at)) {
        if (text[at] === quote || text[at] === '\n' || text[at] === '\r') fail('a quote or line end in an unquoted field')
        value += text[at]
        at += 1
      }
    }
    record.push({ text: value, quoted })
    if (at >= text.length) fail('the last line has no end')
    if (text[at] === delimiter) {
      at += 1
      if (at >= text.length) fail('the last line has no end')
      continue
    }
    if (!text.startsWith(lineEnd, at)) fail('text after a closing quote')
    at += lineEnd.length
    if (records[0] && records[0].length !== record.length) fail('a record of another length')
    records.push(record)
    record = []
  }
  return records
}
