/** A part smaller than this is not worth a session of its own: 32 MiB in pages of 8 KiB. */
const LEAST_PAGES = 4096

/** Conditions that cut a table of so many pages into at most `most` parts of equal size; together they take every row, also one in pages that came later. */
export function ctidRanges(pages: number, most: number, leastPages = LEAST_PAGES): readonly string[] {
  const count = Math.max(1, Math.min(most, Math.floor(pages / leastPages)))
  if (count === 1) return ['']
  const border = (i: number) => `'(${Math.floor((pages * i) / count)},0)'::tid`
  return Array.from({ length: count }, (_, i) =>
    [i > 0 ? `q.ctid >= ${border(i)}` : '', i < count - 1 ? `q.ctid < ${border(i + 1)}` : ''].filter(Boolean).join(' AND '),
  )
}
