import { ConfigError } from '../../core/errors.ts'
import type { SplitRows } from '../contract/table-contract.ts'

/** Rows `[from, to)` of a delivery as one file. */
export interface Part {
  readonly from: number
  readonly to: number
  readonly bytes: number
}

/** Makes a whole file of rows `[from, to)`, in the place of the one it made before, and gives how many bytes it has: the same ones for the same rows. */
export type MakePart = (from: number, to: number) => Promise<number>

/** As much of the limit as a file should have for the search to end. */
const FULL = 0.9
/** What is aimed at, so that rows that are a little longer still fit. */
const AIM = 0.97
/** Rows of the first file that is tried, and how much more a further one may have: nothing is known of the rows, and what is made must not fill the disk. */
const FIRST_ROWS = 1000
const GROWTH = 16
/** How often a cut is looked for between one that fits and one that does not. */
const TRIES = 4

/**
 * Cuts so many rows into files whose size shows only when they are made. By rows: each has so many, the last one the rest. By bytes: none has more, unless a single row has; how many rows fit is found by trial, which depends on
 * the rows alone. No rows are one file. A part that is given is what `make` made last.
 * @throws ConfigError where a file without a row has more bytes already
 */
export async function* partsOf(rows: number, split: SplitRows, make: MakePart): AsyncGenerator<Part> {
  let guess = FIRST_ROWS
  let from = 0
  do {
    if ('rows' in split) {
      const to = Math.min(rows, from + split.rows)
      yield { from, to, bytes: await make(from, to) }
      from = to
    } else {
      const part = await largestPart({ from, rows, limit: split.bytes, guess, make })
      yield part
      guess = Math.max(1, Math.floor(((part.to - from) * AIM * split.bytes) / part.bytes))
      from = part.to
    }
  } while (from < rows)
}

interface Search {
  readonly from: number
  readonly rows: number
  readonly limit: number
  readonly guess: number
  readonly make: MakePart
}

/** As many rows from `from` on as fit, or nearly. */
async function largestPart({ from, rows, limit, guess, make }: Search): Promise<Part> {
  const left = rows - from
  const isFull = (part: Part) => part.bytes >= FULL * limit
  let best: Part | undefined
  let [beyond, misses, tries] = [Number.POSITIVE_INFINITY, 0, 0]
  for (let count = Math.min(left, guess); ; ) {
    const part = { from, to: from + count, bytes: await make(from, from + count) }
    const scaled = Math.floor((count * limit) / part.bytes)
    // So that no few rows are left for a last file.
    const mayBeAll = scaled >= FULL * left && beyond > left
    if (part.bytes <= limit) {
      best = part
      if (count === left || (isFull(part) && !mayBeAll)) return part
    } else if (count > 1) {
      beyond = count
      misses++
    } else {
      await requireRoom(limit, from, make)
      return { ...part, bytes: await make(from, part.to) }
    }
    const most = best ? best.to - from : 0
    if (best && misses > 0 && (isFull(best) || beyond === most + 1 || ++tries > TRIES))
      return best === part ? part : { ...best, bytes: await make(from, best.to) }
    const aimed = mayBeAll ? left : Math.floor(scaled * AIM)
    // Where a file has much beside its rows, or rows are of many sizes, the proportion leads astray.
    const middle = Math.floor((most + Math.min(beyond, left)) / 2)
    const next = best ? (tries > 1 ? middle : aimed) : misses > 1 ? Math.min(aimed, middle) : aimed
    count = Math.max(most + 1, Math.min(next, beyond - 1, left, best ? most * GROWTH : beyond - 1))
  }
}

/** A limit that no file can keep is none. */
async function requireRoom(limit: number, from: number, make: MakePart): Promise<void> {
  const least = await make(from, from)
  if (least > limit)
    throw new ConfigError(`contract split {"bytes":${limit}} cannot be kept: a file of these columns has ${least} bytes without a row`, {
      hint: `give split more bytes, many times ${least}, or rows`,
    })
}
