import { elapsedMs } from '../../core/clock.ts'
import type { RunContext } from '../../core/context.ts'
import type { SharedLimits } from '../shared-limits.ts'

/** Waits before a chunk may go on, so that no more rows go by than the settings allow. */
export type Pace = (chunk: Uint8Array, ctx: Pick<RunContext, 'clock' | 'signal'>) => Promise<void>

const NEWLINE = 10

/** A token bucket over all sessions of a connection, a second deep; with `shared` over those of all processes of the run. Rows are counted by their line ends: a text with some counts as several. Without a limit nothing is counted. */
export function throttle(rowsPerSecond: number | undefined, shared?: SharedLimits): Pace {
  if (rowsPerSecond === undefined) return async () => {}
  if (shared)
    return async (chunk, { clock, signal }) => {
      const waitMs = await shared.book('rows', { cost: linesIn(chunk), perSecond: rowsPerSecond, savedMs: 1000 })
      if (waitMs > 0) await clock.sleep(waitMs, signal)
    }
  let [freeAtMs, started] = [0, false]
  return async (chunk, { clock, signal }) => {
    const now = elapsedMs(clock)
    if (!started) freeAtMs = now
    started = true
    freeAtMs = Math.max(freeAtMs, now - 1000) + (linesIn(chunk) / rowsPerSecond) * 1000
    if (freeAtMs > now) await clock.sleep(freeAtMs - now, signal)
  }
}

function linesIn(chunk: Uint8Array): number {
  let lines = 0
  for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, at + 1)) lines++
  return lines
}
