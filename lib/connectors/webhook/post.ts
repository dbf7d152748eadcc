import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { ConfigError, PermanentError, TransientError } from '../../core/errors.ts'
import { redact } from '../../core/secret.ts'
import { quoted, retryAfter } from '../answers.ts'
import { NoticeRefused } from '../notifier.ts'
import { refusalOf, type Verified } from '../store-tls.ts'
import { SETTINGS } from './options.ts'

/** One request to a receiver. */
export interface Post {
  readonly method: 'POST' | 'HEAD'
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly timeoutMs: number
  readonly tls: Verified
  readonly signal: AbortSignal
  /** In the words of an error: `webhook "downstream" at https://example.com`. */
  readonly receiver: string
}

/** What a receiver said. */
export interface Answer {
  readonly status: number
  readonly retryAfter: string | undefined
  /** The beginning of the body. */
  readonly excerpt: string
}

const EXCERPT_BYTES = 8192
const PASSING: readonly number[] = [408, 425, 429]
/** Answers that are about the address or the sender, whatever the notice. */
const ABOUT_ALL: readonly number[] = [401, 403, 404, 405, 410]

/**
 * One request on the wire. Not `fetch`, which knows no authority but Node's own. Follows no redirect.
 * @throws TransientError when there is no answer, ConfigError for a certificate that does not hold, the signal's reason when it aborts
 */
export function post({ method, url, headers, body, timeoutMs, tls, signal, receiver }: Post): Promise<Answer> {
  signal.throwIfAborted()
  return new Promise((resolve, reject) => {
    const length = method === 'POST' ? { 'content-length': String(Buffer.byteLength(body)) } : {}
    const options = { method, headers: { ...headers, ...length }, timeout: timeoutMs, agent: false as const, signal, ...tls }
    const request = (url.protocol === 'https:' ? requestHttps : requestHttp)(url, options)
    const failed = (error: Error) => reject(signal.aborted ? signal.reason : errorOfNetwork(error, receiver))
    const silent = new TransientError(`${receiver} did not answer: nothing moved for ${timeoutMs / 1000} s`)
    // The socket's own time-out begins anew with every byte: a receiver that drips is given up all the same.
    const late = setTimeout(() => request.destroy(silent), timeoutMs)
    request.on('timeout', () => request.destroy(silent))
    request.on('error', failed)
    request.on('close', () => clearTimeout(late))
    request.on('response', (response) => {
      const parts: Buffer[] = []
      let bytes = 0
      const answered = () => {
        const excerpt = Buffer.concat(parts).subarray(0, EXCERPT_BYTES).toString()
        resolve({ status: response.statusCode ?? 0, retryAfter: response.headers['retry-after'], excerpt })
        request.destroy()
      }
      response.on('data', (part: Buffer) => {
        parts.push(part)
        bytes += part.length
        if (bytes >= EXCERPT_BYTES) answered()
      })
      response.on('end', answered)
      // The status says enough.
      response.on('error', answered)
      response.on('aborted', answered)
    })
    request.end(body)
  })
}

/**
 * What an answer means: nothing where the receiver has the notice (2xx; 409: it had it before), TransientError for what may pass (408, 425, 429, 5xx), with the wait that `Retry-After` asks for, PermanentError for what concerns all
 * notices (a redirect, 401, 403, 404, 405, 410), NoticeRefused for the rest.
 */
export function errorOfAnswer({ status, retryAfter: wait, excerpt }: Answer, receiver: string, now: Date): Error | undefined {
  if ((status >= 200 && status < 300) || status === 409) return undefined
  const said = `${receiver} answered ${status}${quoted(excerpt)}`
  if (status >= 500 || PASSING.includes(status)) {
    const retryAfterMs = retryAfter(wait ?? null, now)
    const hint = retryAfterMs === undefined ? {} : { retryAfterMs, hint: `it asks to wait ${Math.ceil(retryAfterMs / 1000)} s` }
    return new TransientError(said, hint)
  }
  const [Kind, hint] =
    status < 400
      ? [PermanentError, 'redirects are not followed: put the final address into `url` of webhook(…)']
      : status === 401 || status === 403
        ? [PermanentError, 'check `secret` and `headers` of webhook(…) against what the receiver expects']
        : status === 410
          ? [PermanentError, 'the receiver wants no more notices: take it out of `notify` of the exports']
          : ABOUT_ALL.includes(status)
            ? [PermanentError, 'check `url` of webhook(…)']
            : [NoticeRefused, 'ask the receiver why; the notice waits, and every run sends it again']
  return new Kind(said, { hint })
}

function errorOfNetwork(error: Error, receiver: string): Error {
  if (error instanceof TransientError) return error
  const first = error instanceof AggregateError && error.errors[0] instanceof Error ? error.errors[0] : error
  const code = 'code' in first && typeof first.code === 'string' ? first.code : ''
  const refusal = refusalOf({ code, message: first.message }, SETTINGS)
  if (refusal) return new ConfigError(`${receiver} was not told: ${refusal.what}`, { hint: refusal.hint })
  const why =
    code === 'ECONNREFUSED'
      ? 'the connection was refused'
      : code === 'ENOTFOUND'
        ? 'the host is unknown'
        : `the connection was lost${code === '' ? '' : ` (${code})`}`
  return new TransientError(`${receiver} did not answer: ${redact(why)}`, { hint: 'check the network and the receiver' })
}
