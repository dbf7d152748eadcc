import { systemClock } from '../../core/clock.ts'
import type { RunContext } from '../../core/context.ts'
import { retrying } from '../../core/retry.ts'
import { millraceVersion } from '../../core/version.ts'
import type { Notice } from '../notifier.ts'
import type { Verified } from '../store-tls.ts'
import { bodyOf } from './envelope.ts'
import { errorOfAnswer, post } from './post.ts'
import { signed } from './sign.ts'

/** A receiver, all that has to be looked up known. */
export interface Receiver {
  readonly name: string
  readonly url: URL
  readonly keys: readonly Buffer[]
  readonly headers: Readonly<Record<string, string>>
  readonly format: 'plain' | 'pubsub'
  readonly timeoutMs: number
  readonly patienceMs: number
  readonly tls: Verified
}

/** What errors call a receiver: never more of its address than the origin. */
export function receiverText({ name, url }: Pick<Receiver, 'name' | 'url'>): string {
  return `webhook "${name}" at ${url.origin}`
}

/**
 * Sends a notice until the receiver has it, or patience ends. Each try is signed anew, at the machine's time, whatever the profile pins: receivers refuse what is older than some minutes.
 * @throws TransientError, NoticeRefused or PermanentError, as `Notifier.send` says; the signal's reason when it aborts
 */
export async function sendNotice(to: Receiver, notice: Notice, ctx: Pick<RunContext, 'signal' | 'emit'>): Promise<void> {
  const { url, format, name, keys, timeoutMs, tls, patienceMs } = to
  const body = bodyOf(notice, format, name)
  const receiver = receiverText(to)
  const ended = AbortSignal.timeout(patienceMs)
  let last: unknown
  const attempt = async () => {
    const headers = {
      ...{ 'user-agent': `millrace/${millraceVersion}`, 'content-type': 'application/json' },
      ...to.headers,
      ...signed(notice.id, new Date(), body, keys),
    }
    try {
      const answer = await post({ method: 'POST', url, headers, body, timeoutMs, tls, receiver, signal: ctx.signal })
      const error = errorOfAnswer(answer, receiver, new Date())
      if (error) throw error
    } catch (error) {
      last = error
      throw error
    }
  }
  const signal = AbortSignal.any([ctx.signal, ended])
  try {
    const options = { stage: 'export', retries: 8, maxDelayMs: 15_000, maxRetryAfterMs: patienceMs } as const
    await retrying({ clock: systemClock, signal, emit: ctx.emit }, options, attempt)
  } catch (error) {
    throw ended.aborted && !ctx.signal.aborted && last !== undefined ? last : error
  }
}
