import { ConfigError, PermanentError, TransientError } from '../../core/errors.ts'
import { redact } from '../../core/secret.ts'
import { quoted, retryAfter } from '../answers.ts'
import { isNoTls } from '../causes.ts'

const RETRIED_CLIENT_ERRORS: readonly number[] = [408, 425, 429]

/** An answer that is not a success. */
export interface Refused {
  readonly status: number
  readonly statusText: string
  readonly headers: Headers
  /** The beginning of the body. */
  readonly excerpt: string
  /** `page 2 of GET https://…`, without secrets. */
  readonly what: string
  /** The references of the credentials that were sent. */
  readonly credentials: string
  readonly now: Date
}

/**
 * The error of an answer: TransientError for what may pass (408, 425, 429, 5xx), with the wait that `Retry-After` asks for; PermanentError for the rest, quoting the first 300 characters of what
 * the service says.
 */
export function errorOfAnswer(refused: Refused): TransientError | PermanentError {
  const { status, statusText, headers, what, credentials, now } = refused
  const reason = `${status}${statusText === '' ? '' : ` ${statusText}`}`
  const said = quoted(refused.excerpt)
  if (status >= 500 || RETRIED_CLIENT_ERRORS.includes(status)) {
    const retryAfterMs = retryAfter(headers.get('retry-after'), now)
    return new TransientError(`${what} was answered ${reason}${said}`, {
      stage: 'extract',
      ...(retryAfterMs !== undefined && {
        retryAfterMs,
        hint: `the service asks to wait ${Math.ceil(retryAfterMs / 1000)} s: run again then`,
      }),
    })
  }
  const hint =
    status === 401 || status === 403
      ? `check the credentials of this connection (${credentials})`
      : status === 404
        ? 'check the base URL and the path'
        : undefined
  return new PermanentError(`${what} was answered ${reason}${said}`, { stage: 'extract', ...(hint !== undefined && { hint }) })
}

const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO_(GET_ISSUER|VERIFY)|ERR_TLS|ERR_SSL/

const UNREACHED: readonly string[] = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']

/** What undici says of a port that fetch reaches nobody at, since other protocols have it. */
const BLOCKED = 'bad port'

/** The error of a request that got no answer, or lost it on the way. Certificates that do not hold are not retried, nor ports that fetch refuses. */
export function errorOfNetwork(error: unknown, what: string): TransientError | PermanentError | ConfigError {
  const cause = deepest(error)
  const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : ''
  const reason = redact(
    cause.message === '' ? code : code === '' || cause.message.includes(code) ? cause.message : `${cause.message} (${code})`,
  )
  if (reason === BLOCKED)
    return new ConfigError(`${what} was not sent: its port is one that fetch refuses, since another protocol has it`, {
      stage: 'extract',
      hint: 'let the service listen on another port, and correct the base URL: https://fetch.spec.whatwg.org/#port-blocking lists them',
      cause,
    })
  if (isNoTls({ code, message: cause.message }))
    return new ConfigError(`${what} was not sent: the server speaks no TLS there`, {
      stage: 'extract',
      hint: 'correct the port of the base URL, or write it as "http://…"',
      cause,
    })
  if (CERTIFICATE.test(code))
    return new PermanentError(`${what} was not sent: the server's certificate does not hold: ${reason}`, { stage: 'extract', cause })
  const hint = UNREACHED.includes(code) ? 'check the base URL, the network and the service' : undefined
  return new TransientError(`${what} failed: ${reason}`, { stage: 'extract', cause, ...(hint !== undefined && { hint }) })
}

/** Undici says "fetch failed" or "terminated"; why stands in the innermost cause. */
function deepest(error: unknown): Error {
  const first = error instanceof AggregateError ? error.errors[0] : undefined
  const inner = first ?? (error instanceof Error ? error.cause : undefined)
  if (inner instanceof Error && inner !== error) return deepest(inner)
  return error instanceof Error ? error : new Error(String(error))
}
