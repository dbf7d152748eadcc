import type { GridPartition, PipelineGrid } from '../pipeline/state/grid-report.ts'

/** Partitions in rows of the next larger unit: days by month, months by year. A slot of a coarser fold holds several. */
export interface FoldedGrid {
  /** What one slot is: `day`, `month`, `key`, `keys`. */
  readonly slot: string
  /** How many a slot holds, where they are keys. */
  readonly each?: number
  /** Marks above the slots: `1   5    10`. */
  readonly marks: string
  readonly slots: number
  readonly rows: readonly { readonly label: string; readonly slots: readonly (readonly GridPartition[])[] }[]
}

interface Fold {
  readonly slot: string
  readonly marks: string
  readonly slots: number
  rowOf(name: string): string
  slotOf(name: string): number
}

const HOUR: Fold = {
  slot: 'hour',
  marks: '0     6     12    18',
  slots: 24,
  rowOf: (name) => name.slice(0, 10),
  slotOf: (name) => Number(name.slice(11, 13)),
}
const DAY: Fold = {
  slot: 'day',
  marks: '1   5    10   15   20   25   30',
  slots: 31,
  rowOf: (name) => name.slice(0, 7),
  slotOf: (name) => Number(name.slice(8, 10)) - 1,
}
const WEEK: Fold = {
  slot: 'week',
  marks: '1        10        20        30        40        50',
  slots: 53,
  rowOf: (name) => name.slice(0, 4),
  slotOf: (name) => Math.floor((Date.parse(name) - Date.parse(`${name.slice(0, 4)}-01-01`)) / (7 * 86_400_000)),
}
const MONTH: Fold = {
  slot: 'month',
  marks: 'JFMAMJJASOND',
  slots: 12,
  rowOf: (name) => name.slice(0, 4),
  slotOf: (name) => Number(name.slice(5, 7)) - 1,
}
const YEAR: Fold = {
  slot: 'year',
  marks: '0123456789',
  slots: 10,
  rowOf: (name) => `${name.slice(0, 3)}0`,
  slotOf: (name) => Number(name.slice(3, 4)),
}

const FOLDS: Readonly<Record<NonNullable<PipelineGrid['unit']>, readonly Fold[]>> = {
  hour: [HOUR, DAY, MONTH, YEAR],
  day: [DAY, MONTH, YEAR],
  week: [WEEK, MONTH, YEAR],
  month: [MONTH, YEAR],
  year: [YEAR],
}

/** Folds partitions so that they take no more than `lines` lines of `width` cells; `blocks`: how many rows stand side by side. The finest fold that fits, else the coarsest. */
export function foldToFit(
  { unit, partitions }: Pick<PipelineGrid, 'unit' | 'partitions'>,
  { width, lines }: { readonly width: number; readonly lines: number },
): FoldedGrid & { readonly blocks: number } {
  if (unit === undefined) return { ...keysToFit(partitions, { width, lines }), blocks: 1 }
  let coarsest: (FoldedGrid & { readonly blocks: number }) | undefined
  for (const fold of FOLDS[unit]) {
    const folded = foldBy(fold, partitions)
    const blockWidth = labelWidth(folded) + 2 + fold.slots
    const blocks = Math.max(1, Math.floor((width + 3) / (blockWidth + 3)))
    coarsest = { ...folded, blocks }
    if (blockWidth <= width && Math.ceil(folded.rows.length / blocks) <= lines) return coarsest
  }
  return coarsest as FoldedGrid & { readonly blocks: number }
}

/** Folds partitions of time by their next larger unit; keys, which have none, by rows of 50. */
export function foldOnce({ unit, partitions }: Pick<PipelineGrid, 'unit' | 'partitions'>): FoldedGrid {
  if (unit !== undefined) return foldBy(FOLDS[unit][0] as Fold, partitions)
  return inRows(partitions, 50, 1)
}

/** How wide the labels of rows are. */
export function labelWidth({ rows }: FoldedGrid): number {
  return Math.max(0, ...rows.map(({ label }) => label.length))
}

function foldBy(fold: Fold, partitions: readonly GridPartition[]): FoldedGrid {
  const rows = [...Map.groupBy(partitions, ({ partition }) => fold.rowOf(partition))].map(([label, of]) => {
    const slots: GridPartition[][] = Array.from({ length: fold.slots }, () => [])
    for (const each of of) slots[fold.slotOf(each.partition)]?.push(each)
    return { label, slots }
  })
  return { slot: fold.slot, marks: fold.marks, slots: fold.slots, rows }
}

/** Keys in their order; where there are too many, several in a slot. */
function keysToFit(partitions: readonly GridPartition[], { width, lines }: { readonly width: number; readonly lines: number }): FoldedGrid {
  const slots = Math.max(10, width - 26)
  return inRows(partitions, slots, Math.max(1, Math.ceil(partitions.length / (slots * lines))))
}

function inRows(partitions: readonly GridPartition[], slots: number, each: number): FoldedGrid {
  const size = slots * each
  const rows = Array.from({ length: Math.ceil(partitions.length / size) }, (_, i) => {
    const of = partitions.slice(i * size, (i + 1) * size)
    return {
      label: [...(of[0]?.partition ?? '')].slice(0, 24).join(''),
      slots: Array.from({ length: Math.ceil(of.length / each) }, (_, at) => of.slice(at * each, (at + 1) * each)),
    }
  })
  return { slot: each === 1 ? 'key' : 'keys', each, marks: '', slots, rows }
}
