import type { CellRow } from '../../state/ledger-rows.ts'
import type { Made } from './forecast.ts'

/** What the ledger knows to learn from. */
export interface History {
  /** Partitions whose last work is done, the newest last. */
  readonly made: readonly Made[]
  /** Bytes that have landed of a partition, as last seen. */
  sizeOf(partition: string): number | undefined
}

/** What each partition took when it was last made, from the cells of a pipeline. A partition of which something failed teaches nothing of time. */
export function historyOf(cells: readonly CellRow[]): History {
  const groups = Map.groupBy(
    cells.filter(({ partition }) => partition !== ''),
    ({ partition }) => partition,
  )
  const sizes = new Map<string, number>()
  const made: (Made & { readonly at: string })[] = []
  for (const [partition, of] of groups) {
    const size = sumOf(of, ({ stage, bytes }) => (stage === 'land' ? bytes : undefined))
    if (size !== undefined) sizes.set(partition, size)
    const ms = sumOf(of, (cell) => cell.ms)
    if (ms === undefined || of.some(({ outcome }) => outcome === 'failed')) continue
    const peaks = of.flatMap(({ peakBytes }) => peakBytes ?? [])
    made.push({
      partition,
      seconds: ms / 1000,
      bytesDelivered: sumOf(of, ({ stage, bytes }) => (stage === 'export' ? bytes : undefined)) ?? 0,
      at:
        of
          .map(({ at }) => at)
          .toSorted()
          .at(-1) ?? '',
      ...(size !== undefined && { sizeBytes: size }),
      ...(peaks.length > 0 && { peakBytes: Math.max(...peaks) }),
    })
  }
  return { made: made.toSorted((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0)), sizeOf: (partition) => sizes.get(partition) }
}

/** The sum of what is known; undefined where nothing is. */
function sumOf(cells: readonly CellRow[], value: (cell: CellRow) => number | undefined): number | undefined {
  const values = cells.flatMap((cell) => value(cell) ?? [])
  return values.length === 0 ? undefined : values.reduce((sum, each) => sum + each, 0)
}
