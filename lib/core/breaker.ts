import { type Clock, elapsedMs } from './clock.ts'
import { messageOf, TransientError } from './errors.ts'
import { CircuitOpenError } from './retry.ts'

export interface BreakerOptions {
  /** Consecutive failures that open the circuit. Default 10: two requests that each failed to the end of their retries. */
  readonly failures?: number
  /** How long it stays open before one request may try. Default 30,000. */
  readonly openMs?: number
}

/** Stops asking a host that does not answer. */
export interface Breaker {
  /**
   * Runs `work`, unless the last N ended in a TransientError: then it fails at once, until `openMs` have passed and one trial is let through; the trial's success closes the
   * circuit, its failure opens it anew. Other errors count as an answer.
   * @throws CircuitOpenError without running `work`, with the last failure as its cause.
   */
  run<T>(clock: Clock, work: () => Promise<T>): Promise<T>
}

/** One breaker, for one host. Written by hand: cockatiel's reads `Date.now()`, which no test can move. */
export function breaker(host: string, options: BreakerOptions = {}): Breaker {
  const { failures: limit = 10, openMs = 30_000 } = options
  let failures = 0
  let openedAt = 0
  let trying = false
  let last: unknown
  return {
    run: async (clock, work) => {
      const open = failures >= limit
      if (open && (trying || elapsedMs(clock) - openedAt < openMs))
        throw new CircuitOpenError(`circuit open: ${host} failed ${failures} times in a row, last: ${messageOf(last)}`, { cause: last })
      trying = open
      try {
        const result = await work()
        failures = 0
        return result
      } catch (error) {
        if (error instanceof TransientError) {
          failures++
          openedAt = elapsedMs(clock)
          last = error
        } else failures = 0
        throw error
      } finally {
        if (open) trying = false
      }
    },
  }
}
