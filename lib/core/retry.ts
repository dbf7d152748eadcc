import type { IBackoff, IRetryBackoffContext } from 'cockatiel'
import type { RunContext } from './context.ts'
import { messageOf, type Stage, TransientError } from './errors.ts'

export interface RetryOptions {
  readonly stage: Stage
  readonly dataset?: string
  /** Tries after the first. Default 4. */
  readonly retries?: number
  /** Scale of the first delay. Default 500. */
  readonly initialDelayMs?: number
  /** Default 30,000. */
  readonly maxDelayMs?: number
  /** A `Retry-After` beyond this is not waited for: the run stops and may be started again later. Default 10 minutes. */
  readonly maxRetryAfterMs?: number
}

/** A request that was not sent because its host failed too often (core/breaker). Never retried in place: waiting is what it is there to avoid. */
export class CircuitOpenError extends TransientError {}

/**
 * Runs `work` again while it fails with a TransientError: the one retry policy of millrace. Delays grow exponentially with decorrelated jitter, or are what the other side asked for
 * (`retryAfterMs`); they are slept on the context's clock, and each is emitted as a `retry` event. Anything else that `work` throws passes through at once.
 *
 * @throws the last TransientError, saying how often it was tried; the signal's reason when the run is stopped.
 */
export async function retrying<T>(
  ctx: Pick<RunContext, 'clock' | 'signal' | 'emit'>,
  options: RetryOptions,
  work: (attempt: number) => Promise<T>,
): Promise<T> {
  const { stage, dataset, retries = 4, initialDelayMs = 500, maxDelayMs = 30_000, maxRetryAfterMs = 600_000 } = options
  // Loaded late: most starts need no retry.
  const { DelegateBackoff, ExponentialBackoff, handleWhen, retry } = await import('cockatiel')
  const exponential = new ExponentialBackoff({ initialDelay: initialDelayMs, maxDelay: maxDelayMs })
  let tries = 0
  let next = { delayMs: 0, reason: '' }
  // cockatiel sleeps on the machine's timers, so it is told not to wait, and the next try begins with the wait.
  const backoff = new DelegateBackoff((context: IRetryBackoffContext<unknown>, state?: IBackoff<unknown>) => {
    const step = state?.next(context) ?? exponential.next()
    const error = 'error' in context.result ? context.result.error : undefined
    const asked = error instanceof TransientError ? error.retryAfterMs : undefined
    next = { delayMs: asked ?? Math.round(step.duration), reason: messageOf(error) }
    return { delay: 0, state: step }
  })
  const worthwhile = handleWhen(
    (error) => error instanceof TransientError && !(error instanceof CircuitOpenError) && (error.retryAfterMs ?? 0) <= maxRetryAfterMs,
  )
  try {
    return await retry(worthwhile, { maxAttempts: retries, backoff }).execute(async ({ attempt }) => {
      ctx.signal.throwIfAborted()
      if (attempt > 0) {
        ctx.emit({ type: 'retry', stage, ...(dataset !== undefined && { dataset }), attempt, ...next })
        await ctx.clock.sleep(next.delayMs, ctx.signal)
      }
      tries++
      return await work(attempt + 1)
    }, ctx.signal)
  } catch (error) {
    ctx.signal.throwIfAborted()
    throw error instanceof TransientError && tries > 1 ? counted(error, tries) : error
  }
}

function counted(error: TransientError, tries: number): TransientError {
  return new TransientError(`${error.message} (tried ${tries} times)`, {
    ...error.place,
    cause: error,
    ...(error.hint !== undefined && { hint: error.hint }),
    ...(error.retryAfterMs !== undefined && { retryAfterMs: error.retryAfterMs }),
  })
}
