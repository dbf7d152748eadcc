import type { TimeWindow } from '../../core/dataset.ts'
import { quoteIdentifier } from '../../core/quote.ts'
import type { Read } from '../source.ts'
import type { PostgresColumn } from './columns.ts'
import { type Rows, withCut } from './rows.ts'
import type { Snapshot } from './snapshot.ts'

/** Planners guess: what is told apart is a window that is a small part of all from one that is nearly all. */
const CLEARLY = 1.5

export interface Described {
  readonly columns: readonly PostgresColumn[]
  readonly rows: Pick<Rows, 'from' | 'where'>
  /** Of naive times. */
  readonly zone: string | undefined
}

/** `Source.readsWhole`: by what the planner thinks that one window in the middle costs, as often as there are windows, and all of them at once. A column that the server does not compare as we do is no condition there: then each read is one of all. */
export async function readsWhole(
  snapshot: Pick<Snapshot, 'cost'>,
  { columns, rows, zone }: Described,
  read: Read,
  windows: readonly TimeWindow[],
): Promise<boolean> {
  const middle = windows[Math.floor(windows.length / 2)]
  if (!middle || !read.window) return false
  const list = Object.keys(read.columns).map((name) => `q.${quoteIdentifier(name)}`)
  const costOf = async (window: NonNullable<Read['window']>) => {
    const { from, where } = withCut({ ...read, window }, columns, rows, zone)
    const cut = where.length > rows.where.length
    const cost = await snapshot.cost(`SELECT ${list.join(', ')} ${from}${where.length > 0 ? ` WHERE ${where.join(' AND ')}` : ''}`)
    return { cost, cut }
  }
  const all = await costOf(read.window)
  if (!all.cut) return true
  const one = await costOf({ ...read.window, ...middle })
  return one.cost * windows.length >= all.cost * CLEARLY
}
