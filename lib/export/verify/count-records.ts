import { type RecordDialect, recordEnds } from '../write/record-ends.ts'

/** Counts the records of a CSV text, chunk by chunk. */
export interface RecordCounter {
  add(chunk: Uint8Array): void
  /** So far; a last line without its end counts. */
  records(): number
  /** Whether a quote is open: at the end of a whole file none is. */
  open(): boolean
}

/** Of UTF-8, or an encoding whose first half is ASCII. */
export function countRecords(dialect: RecordDialect): RecordCounter {
  const ends = recordEnds(dialect)
  let [count, ended] = [0, true]
  return {
    add: (chunk) => {
      if (chunk.length === 0) return
      ended = false
      for (const end of ends.of(chunk)) {
        count++
        ended = end === chunk.length
      }
    },
    records: () => count + (ended ? 0 : 1),
    open: ends.open,
  }
}
