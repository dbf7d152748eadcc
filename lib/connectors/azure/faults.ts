import { ConfigError, MillraceError, messageOf, PermanentError, TransientError } from '../../core/errors.ts'
import { redact } from '../../core/secret.ts'
import { refusalOf } from '../store-tls.ts'
import { type Answer, type Doing, errorOfAnswer, type Whence } from './answers.ts'
import { SETTINGS } from './options.ts'

/** No access token could be had; why is its cause. */
export class NoToken extends Error {
  constructor(cause: unknown) {
    super('no access token', { cause })
  }
}

/** The error of a request of the SDK: of its answer, of the credentials, or of the network. */
export function errorOf(error: unknown, doing: Doing, whence: Whence): MillraceError {
  if (error instanceof MillraceError) return error
  if (error instanceof NoToken) return errorOfCredentials(error.cause, doing, whence)
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
  const refusal = refusalOf(code, SETTINGS)
  if (refusal) return new ConfigError(failed(refusal.what), { ...place, hint: refusal.hint })
  if (code === 'ENOTFOUND')
    return endpoint === undefined
      ? new ConfigError(failed('there is no such account'), { ...place, hint: 'correct `account` of azure(…), or check the network' })
      : new ConfigError(failed(`the host of ${endpoint} is unknown`), { ...place, hint: 'correct `endpoint` of azure(…)' })
  if (code === 'ERR_INVALID_URL' || error instanceof RangeError || error instanceof TypeError)
    return new PermanentError(`${failed('what answered is no blob service')}: ${redact(message)}`, {
      ...place,
      hint: 'check `endpoint`, and whether a proxy answers in its place',
    })
  return new TransientError(failed(code === 'ECONNREFUSED' ? 'the connection was refused' : 'the connection was lost'), {
    ...place,
    hint: `check the network${endpoint === undefined ? '' : ` and ${endpoint}`}, and run again`,
  })
}

/** The error of credentials that give no token. What the libraries say may quote a secret: only what is known to be harmless is repeated. */
function errorOfCredentials(error: unknown, doing: Doing, { credentials }: Whence): MillraceError {
  const status = fieldOf(error, 'statusCode')
  const { code } = deepest(error)
  const failed = (why: string) => `cannot ${doing.what}: ${why}`
  const refusal = refusalOf(code, SETTINGS)
  if (refusal)
    return new ConfigError(failed(`no access token: ${refusal.what} (${code})`), {
      file: doing.file,
      hint: "the token server is verified against Node's own roots: start Node with NODE_EXTRA_CA_CERTS=<file> that holds its authority",
    })
  const away = /^(ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|ENETUNREACH|EHOSTUNREACH)$/.test(code)
  const name = error instanceof Error ? error.name : ''
  const none = name === 'AggregateAuthenticationError' || name === 'CredentialUnavailableError'
  if (typeof status === 'number' ? status >= 500 || status === 429 : away && !none)
    return new TransientError(failed(`no access token${typeof status === 'number' ? `: its server answered ${status}` : ` (${code})`}`), {
      file: doing.file,
      hint: `check the network; credentials: ${credentials}`,
    })
  if (none)
    return new ConfigError(failed('there are no default credentials of Azure'), {
      file: doing.file,
      hint: 'set AZURE_TENANT_ID, AZURE_CLIENT_ID and a secret, certificate or federated token, give the machine a managed identity, run `az login`, or give `key`, `sas` or `connectionString`',
    })
  const number = /\bAADSTS\d+\b/.exec(messageOf(error))?.[0]
  const said = [...(typeof status === 'number' ? [`${status} from the token server`] : []), ...(number ? [number] : [])].join(', ')
  return new ConfigError(failed(said === '' ? 'the credentials cannot be used' : `the credentials were refused (${said})`), {
    file: doing.file,
    hint: `check the credentials: ${credentials}`,
  })
}

/** The innermost cause, and its code. */
function deepest(error: unknown): { readonly code: string; readonly message: string } {
  let at = error
  let code = ''
  for (let i = 0; i < 10; i++) {
    const own = fieldOf(at, 'code')
    if (typeof own === 'string') code = own
    const inner = at instanceof AggregateError ? at.errors[0] : fieldOf(at, 'cause')
    if (!(inner instanceof Error)) break
    at = inner
  }
  return { code, message: messageOf(at) }
}

function fieldOf(value: unknown, name: string): unknown {
  return value !== null && typeof value === 'object' ? (value as Record<string, unknown>)[name] : undefined
}
