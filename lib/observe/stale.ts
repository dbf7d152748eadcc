import type { Stale } from './report.ts'
import { formatCount } from './units.ts'

/** `3 stale: made by other code; name them to make them again (millrace run sales --from 2026-01-01)`. */
export function staleText({ partitions, again }: Stale): string {
  return `${formatCount(partitions.length)} stale: made by other code; name ${partitions.length === 1 ? 'it' : 'them'} to make ${partitions.length === 1 ? 'it' : 'them'} again (${again})`
}
