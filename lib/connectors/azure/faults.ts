import { ConfigError, MillraceError, messageOf, PermanentError, TransientError } from '../../core/errors.ts'
import { redact } from '../../core/secret.ts'
import { deepest, fieldOf } from '../causes.ts'
import { refusalOf } from '../store-tls.ts'
import { type Answer, type Doing, errorOfAnswer, type Whence } from './answers.ts'
import { SETTINGS } from './options.ts'

/** No access token could be had; why is its cause. */
export class NoToken extends Error {
  /** Whether the environment says where tokens come from: then a server that does not answer is away, else there is none. */
  readonly expected: boolean
  constructor(cause: unknown, expected: boolean) {
    super('no access token', { cause })
    this.expected = expected
  }
}

/** The error of a request of the SDK: of its answer, of the credentials, or of the network. A bug comes back as it is. */
export function errorOf(error: unknown, doing: Doing, whence: Whence): unknown {
  if (error instanceof MillraceError || error instanceof TypeError || error instanceof ReferenceError) return error
  if (error instanceof NoToken) return errorOfCredentials(error, doing, whence)
  const answer = answerOf(error)
  return answer ? errorOfAnswer(answer, doing, whence) : errorOfNetwork(error, doing, whence)
}

/** What of a `RestError` says how the service answered. The rest of it holds the request, and that the credentials. */
function answerOf(error: unknown): Answer | undefined {
  const status = fieldOf(error, 'statusCode')
  if (typeof status !== 'number') return undefined
  const code = fieldOf(error, 'code') ?? fieldOf(fieldOf(error, 'details'), 'errorCode')
  const headers = fieldOf(fieldOf(error, 'response'), 'headers') as { get?(name: string): string | undefined } | undefined
  const seconds = /^\d+$/.exec(headers?.get?.('retry-after')?.trim() ?? '')?.[0]
  return {
    status,
    code: typeof code === 'string' ? code : (headers?.get?.('x-ms-error-code') ?? ''),
    said: redact(messageOf(error).split('\n')[0]?.trim() ?? ''),
    ...(seconds !== undefined && { retryAfterMs: Number(seconds) * 1000 }),
  }
}

/** The error of a request that got no answer, or lost it on the way. */
function errorOfNetwork(error: unknown, doing: Doing, { endpoint }: Whence): MillraceError {
  const { code, message } = deepest(error)
  const place = { file: doing.file }
  const failed = (why: string) => `cannot ${doing.what}: ${why}${/^[A-Z_]+$/.test(code) ? ` (${code})` : ''}`
  const refusal = refusalOf({ code, message }, SETTINGS)
  if (refusal) return new ConfigError(failed(refusal.what), { ...place, hint: refusal.hint })
  if (code === 'ENOTFOUND')
    return endpoint === undefined
      ? new ConfigError(failed('there is no such account'), { ...place, hint: 'correct `account` of azure(…), or check the network' })
      : new ConfigError(failed(`the host of ${endpoint} is unknown`), { ...place, hint: 'correct `endpoint` of azure(…)' })
  if (error instanceof RangeError)
    return new PermanentError(`${failed('what answered is no blob service')}: ${redact(message)}`, {
      ...place,
      hint: 'check `endpoint`, and whether a proxy answers in its place',
    })
  return new TransientError(failed(code === 'ECONNREFUSED' ? 'the connection was refused' : 'the connection was lost'), {
    ...place,
    hint: `check the network${endpoint === undefined ? '' : ` and ${endpoint}`}, and run again`,
  })
}

/** As MSAL says that a token server did not answer. */
const AWAY = /\b(network_error|endpoints_resolution_error)\b/

/** The error of credentials that give no token. What the libraries say may quote a secret: only what is known to be harmless is repeated. */
function errorOfCredentials({ cause, expected }: NoToken, doing: Doing, { credentials }: Whence): MillraceError {
  const place = { file: doing.file }
  const failed = (why: string) => `cannot ${doing.what}: ${why}`
  const { code, message } = deepest(cause)
  const refusal = refusalOf({ code, message }, SETTINGS)
  if (refusal)
    return new ConfigError(failed(`no access token: ${refusal.what} (${code})`), {
      ...place,
      hint: "the token server is verified against Node's own roots: start Node with NODE_EXTRA_CA_CERTS=<file> that holds its authority",
    })
  const name = cause instanceof Error ? cause.name : ''
  const none = name === 'AggregateAuthenticationError' || name === 'CredentialUnavailableError'
  const status = fieldOf(cause, 'statusCode')
  const said = [cause, ...errorsIn(cause)].map(messageOf).join('\n')
  if ((typeof status === 'number' && (status >= 500 || status === 429)) || (AWAY.test(said) && (expected || !none)))
    return new TransientError(failed('no access token: the token server does not answer'), {
      ...place,
      hint: `check the network, and run again; credentials: ${credentials}`,
    })
  if (none && !expected)
    return new ConfigError(failed('there are no default credentials of Azure'), {
      ...place,
      hint: 'set AZURE_TENANT_ID, AZURE_CLIENT_ID and a secret, certificate or federated token, give the machine a managed identity, run `az login`, or give `key`, `sas` or `connectionString`',
    })
  const number = /\bAADSTS\d+\b/.exec(said)?.[0]
  const refused = none ? "the machine's identity was refused a token" : 'the credentials were refused'
  return new ConfigError(failed(`${refused}${number === undefined ? '' : ` (${number})`}`), {
    ...place,
    hint: `check the credentials: ${credentials}`,
  })
}

function errorsIn(error: unknown): readonly unknown[] {
  const errors = fieldOf(error, 'errors')
  return Array.isArray(errors) ? errors : []
}
