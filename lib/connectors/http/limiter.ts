import { type Clock, elapsedMs } from '../../core/clock.ts'
import type { SharedLimits } from '../shared-limits.ts'

/** Keeps a source's requests apart in time and few at once. */
export interface Limiter {
  /** Runs `work` when it is its turn. */
  run<T>(clock: Clock, signal: AbortSignal, work: () => Promise<T>): Promise<T>
  /** Lets nothing begin for so long, because the service asked for it. */
  hold(clock: Clock, ms: number): void
}

interface Rate {
  readonly perSecond: number | undefined
  readonly concurrency: number
}

/** The same over all processes of a run. */
export function sharedLimiter(shared: SharedLimits, { perSecond, concurrency }: Rate): Limiter {
  return {
    run: async (clock, signal, work) => {
      const leave = await shared.take('requests', concurrency, signal)
      try {
        const pass = { cost: perSecond === undefined ? 0 : 1, perSecond: perSecond ?? 1, savedMs: 0 }
        const waitMs = await shared.book('requests', pass)
        if (waitMs > 0) await clock.sleep(waitMs, signal)
        signal.throwIfAborted()
        return await work()
      } finally {
        leave()
      }
    },
    hold: (_, ms) => shared.hold('requests', ms),
  }
}

/** Requests begin at least 1/perSecond seconds apart, and at most `concurrency` run at once, in the order in which they came. */
export function limiter({ perSecond, concurrency }: Rate): Limiter {
  const intervalMs = perSecond === undefined ? 0 : 1000 / perSecond
  const waiting: (() => void)[] = []
  let running = 0
  let nextAt = Number.NEGATIVE_INFINITY
  const enter = async () => {
    if (running >= concurrency) await new Promise<void>((resolve) => waiting.push(resolve))
    else running++
  }
  const leave = () => {
    const next = waiting.shift()
    if (next) next()
    else running--
  }
  return {
    run: async (clock, signal, work) => {
      await enter()
      try {
        signal.throwIfAborted()
        const now = elapsedMs(clock)
        const at = Math.max(now, nextAt)
        nextAt = at + intervalMs
        if (at > now) await clock.sleep(at - now, signal)
        return await work()
      } finally {
        leave()
      }
    },
    hold: (clock, ms) => {
      nextAt = Math.max(nextAt, elapsedMs(clock) + ms)
    },
  }
}
