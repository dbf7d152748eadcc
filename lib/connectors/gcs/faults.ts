import type { IncomingHttpHeaders } from 'node:http'
import { ConfigError, MillraceError, NotFound, PermanentError, PreconditionFailed, TransientError } from '../../core/errors.ts'
import { redact } from '../../core/secret.ts'
import { deepest, fieldOf } from '../causes.ts'
import { refusalOf } from '../store-tls.ts'
import { SETTINGS } from './tls.ts'

/** What an error has to name. */
export interface Doing {
  /** In the words of an error: `write gs://bucket/a.csv`. */
  readonly what: string
  /** `gs://bucket/a.csv`. */
  readonly file: string
}

/** Where the credentials come from, for hints, and the endpoint, where one was configured. */
export interface Whence {
  readonly credentials: string
  readonly apiEndpoint?: string
}

const RETRIED: readonly number[] = [408, 429, 500, 502, 503, 504]
const RATE_REASONS: readonly string[] = ['rateLimitExceeded', 'userRateLimitExceeded']
/** "The specified bucket does not exist." An object that is missing: "No such object: bucket/name". */
const BUCKET_MISSING = /^: "[^/]*bucket (does not exist|not found)/i
const MOST_SAID = 300

/**
 * The error of an answer that is not what was wanted (JSON API, "HTTP status and error codes"): 408, 429, 5xx and a rate limit's 403 are transient, with the wait that `Retry-After` asks for; 412 is
 * PreconditionFailed, 404 NotFound, except that of a bucket; credentials, rights and a bucket are for a person to put right.
 */
export function errorOfAnswer(status: number, headers: IncomingHttpHeaders, body: unknown, doing: Doing, whence: Whence): MillraceError {
  const { message, reason } = saidBy(body)
  const place = { file: doing.file }
  const failed = (why: string) => `cannot ${doing.what}: ${why}${message}`
  if (RETRIED.includes(status) || (status === 403 && RATE_REASONS.includes(reason))) {
    const seconds = /^\d+$/.exec(headers['retry-after']?.trim() ?? '')?.[0]
    return new TransientError(failed(`Cloud Storage answered ${status}`), {
      ...place,
      hint: seconds === undefined ? 'run again later' : `Cloud Storage asks to wait ${seconds} s: run again then`,
      ...(seconds !== undefined && { retryAfterMs: Number(seconds) * 1000 }),
    })
  }
  if (status === 412) return new PreconditionFailed(`cannot ${doing.what}: it is another version than expected`, place)
  if (status === 404 && !BUCKET_MISSING.test(message)) return new NotFound(`no object ${doing.file}`, place)
  if (status === 404)
    return new ConfigError(failed('the bucket does not exist'), { ...place, hint: 'make the bucket, or correct `bucket` of gcs(…)' })
  if (status === 401)
    return new ConfigError(failed('the credentials were refused (401)'), { ...place, hint: `check the credentials: ${whence.credentials}` })
  if (status === 403)
    return new ConfigError(failed('permission denied (403)'), {
      ...place,
      hint: `give the account (${whence.credentials}) storage.objects.create, get, list and delete on the bucket: the role "Storage Object User" has them`,
    })
  return new PermanentError(failed(`Cloud Storage answered ${status}`), place)
}

/** The error of a request that got no answer, or lost it on the way. */
export function errorOfNetwork(error: unknown, doing: Doing, whence: Whence): MillraceError {
  if (error instanceof MillraceError) return error
  const { code, message } = deepest(error)
  const place = { file: doing.file }
  const failed = (why: string) => `cannot ${doing.what}: ${why}${code === '' ? `: ${redact(message)}` : ` (${code})`}`
  const { apiEndpoint } = whence
  const refusal = refusalOf({ code, message }, SETTINGS)
  if (refusal) return new ConfigError(failed(refusal.what), { ...place, hint: refusal.hint })
  if (code === 'ENOTFOUND' && apiEndpoint !== undefined)
    return new ConfigError(failed(`the host of ${apiEndpoint} is unknown`), { ...place, hint: 'correct `apiEndpoint` of gcs(…)' })
  const why =
    code === 'ECONNREFUSED' ? 'the connection was refused' : code === 'ENOTFOUND' ? 'the host is unknown' : 'the connection was lost'
  return new TransientError(failed(why), {
    ...place,
    hint: `check the network${apiEndpoint === undefined ? '' : ` and ${apiEndpoint}`}, and run again`,
  })
}

/** The error of credentials that give no token. What the libraries say may quote a key: only what is known to be harmless is repeated. */
export function errorOfCredentials(error: unknown, doing: Doing, whence: Whence): MillraceError {
  const status = statusOf(error)
  const { code, message } = deepest(error)
  const refusal = refusalOf({ code, message }, SETTINGS)
  if (refusal)
    return new ConfigError(`cannot ${doing.what}: no access token: ${refusal.what} (${code})`, {
      file: doing.file,
      hint: `the token server of ${whence.credentials} is verified against Node's own roots: start Node with NODE_EXTRA_CA_CERTS=<file> that holds its authority`,
    })
  const network = /^(E[A-Z]+|UND_ERR_[A-Z_]+)$/.test(code) && code !== 'ENOENT' && code !== 'EACCES' && !code.startsWith('ERR_')
  if (network || (status !== undefined && (status >= 500 || status === 429)))
    return new TransientError(
      `cannot ${doing.what}: no access token${status === undefined ? ` (${code})` : `: its server answered ${status}`}`,
      {
        file: doing.file,
        hint: `check the network; credentials: ${whence.credentials}`,
      },
    )
  const why = message.startsWith('Could not load the default credentials')
    ? 'there are no application default credentials'
    : status === undefined
      ? `the credentials cannot be used${code === '' ? '' : ` (${code})`}`
      : `the credentials were refused (${status} from the token server)`
  return new ConfigError(`cannot ${doing.what}: ${why}`, {
    file: doing.file,
    hint: `check the credentials: ${whence.credentials}`,
  })
}

function saidBy(body: unknown): { readonly message: string; readonly reason: string } {
  const error = fieldOf(body, 'error')
  const said = typeof body === 'string' ? body : fieldOf(error, 'message')
  const text = typeof said === 'string' ? redact(said).replace(/\s+/g, ' ').trim() : ''
  const first = fieldOf(error, 'errors')
  const reason = Array.isArray(first) ? fieldOf(first[0], 'reason') : undefined
  return {
    message: text === '' ? '' : `: ${JSON.stringify(text.length > MOST_SAID ? `${text.slice(0, MOST_SAID)}…` : text)}`,
    reason: typeof reason === 'string' ? reason : '',
  }
}

function statusOf(error: unknown): number | undefined {
  const status = fieldOf(fieldOf(error, 'response'), 'status')
  return typeof status === 'number' ? status : undefined
}
