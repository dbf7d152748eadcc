import { type Clock, elapsedMs } from './clock.ts'
import { messageOf, TransientError } from './errors.ts'
import { CircuitOpenError } from './retry.ts'

export interface BreakerOptions {
  /** Consecutive failures that open the circuit. Default 10: two requests that each failed to the end of their retries. */
  readonly failures?: number
  /** How long it stays open before one request may try. Default 30,000. */
  readonly openMs?: number
}

/** Whether a host that does not answer is to be asked. Times are milliseconds that only grow. */
export interface Circuit {
  /** Why it is not asked now; undefined: it is, and `leave` says what came of it. */
  enter(nowMs: number): string | undefined
  /** `failed`: it did not answer, in these words. */
  leave(nowMs: number, failed?: string): void
}

/** The circuit of one host: open once the last N requests have failed, until `openMs` have passed and one trial is let through, whose success closes it and whose failure opens it anew. */
export function circuit(host: string, options: BreakerOptions = {}): Circuit {
  const { failures: limit = 10, openMs = 30_000 } = options
  let [failures, openedAt, last] = [0, 0, '']
  let trying = false
  return {
    enter: (nowMs) => {
      const open = failures >= limit
      if (open && (trying || nowMs - openedAt < openMs)) return `circuit open: ${host} failed ${failures} times in a row, last: ${last}`
      trying = open
      return undefined
    },
    leave: (nowMs, failed) => {
      trying = false
      if (failed === undefined) failures = 0
      else [failures, openedAt, last] = [failures + 1, nowMs, failed]
    },
  }
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
  const own = circuit(host, options)
  return breakerOver({
    enter: async (clock) => own.enter(elapsedMs(clock)),
    leave: (clock, failed) => own.leave(elapsedMs(clock), failed),
  })
}

/** A breaker over a circuit that is kept here or elsewhere. */
export function breakerOver(circuit: {
  enter(clock: Clock): Promise<string | undefined>
  leave(clock: Clock, failed?: string): void
}): Breaker {
  let last: unknown
  return {
    run: async (clock, work) => {
      const refused = await circuit.enter(clock)
      if (refused !== undefined) throw new CircuitOpenError(refused, { ...(last !== undefined && { cause: last }) })
      try {
        const result = await work()
        circuit.leave(clock)
        return result
      } catch (error) {
        const failed = error instanceof TransientError
        if (failed) last = error
        circuit.leave(clock, failed ? messageOf(error) : undefined)
        throw error
      }
    },
  }
}
