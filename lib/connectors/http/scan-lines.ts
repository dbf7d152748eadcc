import { createHash } from 'node:crypto'
import type { BodyScanner } from './scanner.ts'

/** Counts the records of a CSV body: line ends outside quotes, empty lines left out. */
export function csvScanner({ header, quote }: { readonly header: boolean; readonly quote: string }): BodyScanner {
  const hash = createHash('sha256')
  const quoteByte = quote.length === 1 ? quote.charCodeAt(0) : -1
  let quoted = false
  let filled = false
  let records = 0
  return {
    feed: (chunk) => {
      hash.update(chunk)
      for (const c of chunk) {
        if (c === quoteByte) quoted = !quoted
        if (c === 0x0a && !quoted) {
          if (filled) records++
          filled = false
        } else if (c !== 0x0d) filled = true
      }
    },
    end: () => {
      if (filled) records++
      const rows = Math.max(0, records - (header ? 1 : 0))
      return { rows, rowsHash: hash.digest('hex'), ...(records === 0 && header && { problem: 'it is empty' }) }
    },
  }
}
