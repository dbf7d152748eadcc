/** How records of a text end, and what hides such an end. */
export interface RecordDialect {
  /** '': nothing hides one. */
  readonly quote: string
  readonly escape: string
}

/** Where records of a CSV text end, chunk by chunk. */
export interface RecordEnds {
  /** The places in the next chunk that follow a line end outside quotes (`\n`, so also `\r\n`), ascending. To be taken to the end. */
  of(chunk: Uint8Array): Iterable<number>
  /** Whether a quote is open: at the end of a whole file none is. */
  open(): boolean
}

const LF = 0x0a

/** Of UTF-8, or an encoding whose first half is ASCII. Goes from one quote or line end to the next by the platform's own search: it reads no fields, and shares nothing with what wrote them. */
export function recordEnds({ quote, escape: escaper }: RecordDialect): RecordEnds {
  const [quoteByte, escapeByte] = [quote.charCodeAt(0), escaper.charCodeAt(0)]
  let inQuotes = false
  // With an escape of its own: whether the next byte is escaped.
  let escaped = false

  /** The place after the quote that closes; the chunk's length where none does. */
  function closing(chunk: Uint8Array, from: number): number {
    if (quoteByte === escapeByte) {
      // A doubled quote closes and opens again: what stands between is nothing.
      const at = chunk.indexOf(quoteByte, from)
      if (at >= 0) inQuotes = false
      return at < 0 ? chunk.length : at + 1
    }
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

  function* of(chunk: Uint8Array): Iterable<number> {
    let at = 0
    while (at < chunk.length) {
      if (inQuotes) {
        at = closing(chunk, at)
        continue
      }
      const quoteAt = quote === '' ? -1 : chunk.indexOf(quoteByte, at)
      const stop = quoteAt < 0 ? chunk.length : quoteAt
      for (let end = chunk.indexOf(LF, at); end >= 0 && end < stop; end = chunk.indexOf(LF, end + 1)) yield end + 1
      if (quoteAt < 0) return
      inQuotes = true
      at = quoteAt + 1
    }
  }

  return { of, open: () => inQuotes }
}
