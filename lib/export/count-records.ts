/** How records of a CSV text end, and what hides such an end. */
export interface RecordDialect {
  readonly quote: string
  readonly escape: string
}

/** Counts the records of a CSV text in UTF-8, or in an encoding whose first half is ASCII, chunk by chunk. */
export interface RecordCounter {
  add(chunk: Uint8Array): void
  /** So far; a last line without its end counts. */
  records(): number
  /** Whether a quote is open: at the end of a whole file none is. */
  open(): boolean
}

const LF = 0x0a

/**
 * Counts line ends outside quotes (`\n`, so also `\r\n`), going from one quote or line end to the next by the platform's own search: it reads no fields, and shares nothing with what wrote them.
 */
export function countRecords({ quote, escape: escaper }: RecordDialect): RecordCounter {
  const [quoteByte, escapeByte] = [quote.charCodeAt(0), escaper.charCodeAt(0)]
  let [count, inQuotes, ended] = [0, false, true]
  // With an escape of its own: whether the next byte is escaped.
  let escaped = false

  function add(chunk: Uint8Array): void {
    let at = 0
    while (at < chunk.length) {
      if (!inQuotes) {
        const quoteAt = chunk.indexOf(quoteByte, at)
        const stop = quoteAt < 0 ? chunk.length : quoteAt
        for (let end = chunk.indexOf(LF, at); end >= 0 && end < stop; end = chunk.indexOf(LF, end + 1)) count++
        if (quoteAt < 0) break
        inQuotes = true
        at = quoteAt + 1
      } else if (quoteByte === escapeByte) {
        // A doubled quote closes and opens again: what stands between is nothing.
        const quoteAt = chunk.indexOf(quoteByte, at)
        if (quoteAt < 0) break
        inQuotes = false
        at = quoteAt + 1
      } else at = skipEscaped(chunk, at)
    }
    if (chunk.length > 0) ended = !inQuotes && chunk[chunk.length - 1] === LF
  }

  function skipEscaped(chunk: Uint8Array, from: number): number {
    for (let at = from; at < chunk.length; at++) {
      if (escaped) escaped = false
      else if (chunk[at] === escapeByte) escaped = true
      else if (chunk[at] === quoteByte) {
        inQuotes = false
        return at + 1
      }
    }
    return chunk.length
  }

  return { add, records: () => count + (ended ? 0 : 1), open: () => inQuotes }
}
