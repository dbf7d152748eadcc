import { ConfigError, MillraceError, messageOf, NotFound, PermanentError, PreconditionFailed, TransientError } from '../../core/errors.ts'
import { redact } from '../../core/secret.ts'
import { fieldOf } from '../causes.ts'
import { refusalOf } from '../store-tls.ts'
import { SETTINGS } from './settings.ts'

/** What an error has to name. */
export interface Doing {
  /** In the words of an error: `write s3://bucket/a.csv`. */
  readonly what: string
  /** `s3://bucket/a.csv`. */
  readonly file: string
}

/** Where the credentials come from, for hints, and the endpoint, where one was configured. */
export interface Whence {
  readonly credentials: string
  readonly endpoint?: string
}

/** An upload in parts that is gone. Only a body that can be read again from its start can be sent to another one. */
export class LostUpload extends PermanentError {}

const RETRIED: readonly number[] = [408, 429, 500, 502, 503, 504]
/** Codes that are no status of their own: a rate, a body that did not come whole, another writer at the same moment. */
const RETRIED_CODES: readonly string[] = [
  'SlowDown',
  'RequestTimeout',
  'IncompleteBody',
  'BadDigest',
  'XAmzContentSHA256Mismatch',
  'ConditionalRequestConflict',
  'OperationAborted',
  // versitygw, where another writer's last object left a folder while this one was being written into it, and the folder went.
  'ExistingObjectIsDirectory',
]
const CREDENTIAL_CODES: readonly string[] = [
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'ExpiredToken',
  'InvalidToken',
  'TokenRefreshRequired',
  'XAdminUserNotFound',
]
const MOST_SAID = 300
const RIGHTS = 's3:PutObject, s3:GetObject, s3:DeleteObject and s3:AbortMultipartUpload on the objects, and s3:ListBucket on the bucket'

/** The error of an answer that is not what was wanted (Amazon S3 API, "Error responses"). A HEAD's answer has a status and no words: `find` (objects.ts) asks for them. */
export function errorOfAnswer(error: unknown, doing: Doing, whence: Whence): MillraceError {
  const { status, code, message, region, retryAfterS } = answerOf(error)
  const place = { file: doing.file }
  const failed = (why: string) => `cannot ${doing.what}: ${why}${message}`
  if (RETRIED.includes(status) || RETRIED_CODES.includes(code))
    return new TransientError(failed(`S3 answered ${status}${code === '' ? '' : ` ${code}`}`), {
      ...place,
      hint: retryAfterS === undefined ? 'run again later' : `S3 asks to wait ${retryAfterS} s: run again then`,
      ...(retryAfterS !== undefined && { retryAfterMs: retryAfterS * 1000 }),
    })
  if (status === 412) return new PreconditionFailed(`cannot ${doing.what}: it is another version than expected`, place)
  if (code === 'NoSuchUpload') return new LostUpload(`cannot ${doing.what}: the upload is gone`, { ...place, hint: 'run again' })
  if (code === 'NoSuchBucket')
    return new ConfigError(failed('the bucket does not exist'), { ...place, hint: 'make the bucket, or correct `bucket` of s3(…)' })
  if (region !== undefined)
    return new ConfigError(failed(`the bucket is in region ${region}`), { ...place, hint: `write region: '${region}' in s3(…)` })
  if (status === 301 || status === 307)
    return new ConfigError(failed('the bucket is in another region'), { ...place, hint: 'correct `region` or `endpoint` of s3(…)' })
  if (code === 'RequestTimeTooSkewed')
    return new ConfigError(failed("this machine's clock is wrong"), {
      ...place,
      hint: 'set the clock by NTP: S3 refuses requests of another time',
    })
  if (CREDENTIAL_CODES.includes(code) || status === 401)
    return new ConfigError(failed(`the credentials were refused (${`${status} ${code}`.trim()})`), {
      ...place,
      hint: `check the credentials: ${whence.credentials}`,
    })
  if (status === 403 && code !== 'InvalidObjectState')
    return new ConfigError(failed('permission denied (403)'), { ...place, hint: `give the account (${whence.credentials}) ${RIGHTS}` })
  if (status === 404) return new NotFound(`no object ${doing.file}`, place)
  if (status < 400)
    return new PermanentError(`cannot ${doing.what}: what answered (${status}) is no S3`, {
      ...place,
      hint: 'check `endpoint`, and whether a proxy answers in its place',
    })
  if (code === 'InvalidObjectState')
    return new PermanentError(failed('it is in an archive'), {
      ...place,
      hint: 'restore it, and keep the lifecycle rules of the bucket from archiving what millrace reads',
    })
  return new PermanentError(failed(`S3 answered ${status}${code === '' ? '' : ` ${code}`}`), {
    ...place,
    ...(whence.endpoint !== undefined && { hint: `check whether ${whence.endpoint} speaks S3 with conditional writes and CRC32C` }),
  })
}

/** The error of a request that got no answer of S3, or lost it on the way. What the SDK says may quote a key: only what is known to be harmless is repeated. */
export function errorOfNetwork(error: unknown, doing: Doing, whence: Whence): MillraceError {
  if (error instanceof MillraceError) return error
  const { code, name, message, status } = deepest(error)
  const place = { file: doing.file }
  const failed = (why: string) => `cannot ${doing.what}: ${why}${code === '' ? '' : ` (${code})`}`
  const { endpoint, credentials } = whence
  const refusal = refusalOf({ code, message }, SETTINGS)
  if (refusal) return new ConfigError(failed(refusal.what), { ...place, hint: refusal.hint })
  if (code === 'ENOTFOUND' && endpoint !== undefined)
    return new ConfigError(failed(`the host of ${endpoint} is unknown`), { ...place, hint: 'correct `endpoint` of s3(…)' })
  if (/^(CredentialsProviderError|TokenProviderError|ProviderError)$/.test(name))
    return new ConfigError(`cannot ${doing.what}: there are no credentials: ${said(message)}`, {
      ...place,
      hint: `give a key, or a profile, to s3(…), or set up what the AWS SDK looks for; it looked for ${credentials}`,
    })
  if (status !== undefined && status >= 400 && status < 500)
    return new ConfigError(`cannot ${doing.what}: the credentials were refused (${status} ${name})`, {
      ...place,
      hint: `check the credentials: ${credentials}`,
    })
  const why =
    code === 'ECONNREFUSED'
      ? 'the connection was refused'
      : code === 'ENOTFOUND'
        ? 'the host is unknown'
        : name === 'TimeoutError'
          ? 'timed out, nothing moved'
          : 'the connection was lost'
  return new TransientError(failed(why), {
    ...place,
    hint: `check the network${endpoint === undefined ? '' : ` and ${endpoint}`}, and run again`,
  })
}

interface Answer {
  readonly status: number
  readonly code: string
  /** With a colon before it; '' where nothing was said. */
  readonly message: string
  /** Where the bucket really is, when the answer says so. */
  readonly region: string | undefined
  readonly retryAfterS: number | undefined
}

function answerOf(error: unknown): Answer {
  const status = fieldOf(fieldOf(error, '$metadata'), 'httpStatusCode')
  const headers = fieldOf(fieldOf(error, '$response'), 'headers')
  const name = fieldOf(error, 'name')
  const code = typeof name === 'string' && !/^(Unknown|UnknownError|Error|\d+)$/.test(name) ? name : ''
  const text = messageOf(error)
  const wait = fieldOf(headers, 'retry-after')
  const seconds = typeof wait === 'string' ? /^\d+$/.exec(wait.trim())?.[0] : undefined
  const elsewhere = code === 'PermanentRedirect' || code === 'AuthorizationHeaderMalformed' || status === 301
  const named = fieldOf(headers, 'x-amz-bucket-region') ?? /expecting ['"]([a-z0-9-]+)['"]/.exec(text)?.[1]
  return {
    status: typeof status === 'number' ? status : 0,
    code,
    message: text === '' || text === 'UnknownError' || text.includes('Deserialization error') ? '' : `: ${JSON.stringify(said(text))}`,
    region: elsewhere && typeof named === 'string' ? named : undefined,
    retryAfterS: seconds === undefined ? undefined : Number(seconds),
  }
}

function said(message: string): string {
  const text = redact(message).replace(/\s+/g, ' ').trim()
  return text.length > MOST_SAID ? `${text.slice(0, MOST_SAID)}…` : text
}

/** The innermost cause, its code, and the status of a service that gives credentials. */
function deepest(error: unknown): {
  readonly code: string
  readonly name: string
  readonly message: string
  readonly status: number | undefined
} {
  let at = error
  let code = ''
  let status: number | undefined
  for (let i = 0; i < 10; i++) {
    const own = fieldOf(at, 'code')
    if (typeof own === 'string') code = own
    const answered = fieldOf(fieldOf(at, '$metadata'), 'httpStatusCode')
    if (typeof answered === 'number') status = answered
    const inner = at instanceof AggregateError ? at.errors[0] : fieldOf(at, 'cause')
    if (!(inner instanceof Error)) break
    at = inner
  }
  return { code, name: at instanceof Error ? at.name : '', message: messageOf(at), status }
}
