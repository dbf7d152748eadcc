import type { RunEvent } from '../../core/context.ts'
import { residentBytes } from '../../core/proc.ts'
import { descendantsOf } from '../../observe/proc.ts'
import type { PartitionReport } from '../report.ts'

const INTERVAL_MS = 1_000

/** Tells how far a backfill is: after each partition, and once a second where somebody looks on. */
export function standing(total: number, emit: (event: RunEvent) => void, live: boolean) {
  const begun = performance.now()
  let [ended, failed, worked, rssBytes] = [0, 0, 0, 0]
  const tell = () => {
    const elapsedMs = performance.now() - begun
    emit({
      ...{ type: 'standing', ended, failed, total },
      // What was up to date took no time, and is no sign of what the rest will take.
      ...(worked > 0 && { leftMs: (elapsedMs / worked) * (total - ended) }),
      rssBytes,
    })
  }
  const look = () => {
    rssBytes = descendantsOf('self').reduce((sum, pid) => sum + residentBytes(pid), process.memoryUsage.rss())
    tell()
  }
  const timer = live ? setInterval(look, INTERVAL_MS).unref() : undefined
  return {
    ended: ({ outcome }: PartitionReport) => {
      if (outcome === 'notRun') return
      ended++
      if (outcome === 'failed') failed++
      if (outcome !== 'unchanged') worked++
      if (live) tell()
    },
    [Symbol.dispose]: () => clearInterval(timer),
  }
}
