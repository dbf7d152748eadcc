/** Where times come from. Tests inject one that moves only when told. All times are UTC instants. */
export interface Clock {
  now(): Date
  /** Resolves after `ms` milliseconds; rejects with the signal's reason when it aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  /** Milliseconds that only grow, however `now()` is pinned or set; absent: `now()` is that too. For spacing and expiry, see `elapsedMs`. */
  monotonicMs?(): number
}

/** What to measure durations with: the difference of two calls is the time between them, also where `now()` stands still. */
export function elapsedMs(clock: Clock): number {
  return clock.monotonicMs?.() ?? clock.now().getTime()
}

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      signal?.throwIfAborted()
      const stop = () => {
        clearTimeout(timer)
        reject(signal?.reason)
      }
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', stop)
        resolve()
      }, ms)
      signal?.addEventListener('abort', stop, { once: true })
    }),
}

/** The machine's clock with `now()` pinned to one instant; `sleep` is real. */
export function pinnedClock(now: Date): Clock {
  return { ...systemClock, now: () => new Date(now) }
}
