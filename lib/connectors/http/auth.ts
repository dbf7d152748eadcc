import { elapsedMs } from '../../core/clock.ts'
import type { RunContext } from '../../core/context.ts'
import { TransientError } from '../../core/errors.ts'
import { type MaybeSecret, reveal, Secret } from '../../core/secret.ts'
import type { HttpAuth } from './options.ts'
import { encodeUrl } from './placeholders.ts'

/** What is added to one request. */
export interface Credential {
  readonly headers: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, string>>
}

/** Says who we are. */
export interface Authenticator {
  /** The credential of the moment. */
  credential(ctx: RunContext): Promise<Credential>
  /** Called when `credential` was refused with 401: whether another may be had by asking again. */
  refused(credential: Credential): boolean
  /** References of the credentials, for people: `bearer env:API_TOKEN`. */
  readonly described: string
  /** The query parameter that no message may show. */
  readonly hidden?: string
}

/** A form that is posted to the token endpoint; the JSON of its answer comes back. */
export type TokenRequest = (ctx: RunContext, url: URL, headers: Readonly<Record<string, string>>, form: string) => Promise<unknown>

/** The authenticator of a connection's settings. Every value that it sends is known to `redact` from then on, also where the setting was plain text. */
export function authenticator(auth: HttpAuth | undefined, requestToken: TokenRequest): Authenticator {
  if (!auth) return fixed('it sends none', () => ({ headers: {}, query: {} }))
  if ('bearer' in auth)
    return fixed(`bearer ${referenceOf(auth.bearer)}`, () => ({ headers: { authorization: `Bearer ${confide(auth.bearer)}` }, query: {} }))
  if ('basic' in auth) {
    const { user, password } = auth.basic
    return fixed(`user "${user}", password ${referenceOf(password)}`, () => ({
      headers: { authorization: basic(user, confide(password)) },
      query: {},
    }))
  }
  if ('query' in auth) {
    const { parameter, value } = auth.query
    return {
      ...fixed(`${parameter} ${referenceOf(value)}`, () => ({ headers: {}, query: { [parameter]: confide(value) } })),
      hidden: parameter,
    }
  }
  return clientCredentials(auth.oauth2, requestToken)
}

function fixed(described: string, credential: () => Credential): Authenticator {
  return { described, credential: async () => credential(), refused: () => false }
}

/** RFC 6749, section 4.4. One token at a time, for all requests of the source. */
function clientCredentials(settings: Extract<HttpAuth, { oauth2: unknown }>['oauth2'], requestToken: TokenRequest): Authenticator {
  const { tokenUrl, clientId, clientSecret, scope, send = 'basic' } = settings
  let current: { readonly credential: Credential; readonly expiresAtMs: number } | undefined
  let fetching: Promise<Credential> | undefined

  async function fetchToken(ctx: RunContext): Promise<Credential> {
    const secret = confide(clientSecret)
    const form = new URLSearchParams({ grant_type: 'client_credentials', ...(scope !== undefined && { scope }) })
    if (send === 'form') {
      form.set('client_id', clientId)
      form.set('client_secret', secret)
    }
    const headers = send === 'basic' ? { authorization: basic(encodeUrl(clientId), encodeUrl(secret)) } : {}
    const askedAtMs = elapsedMs(ctx.clock)
    const answer = await requestToken(ctx, new URL(tokenUrl), headers, form.toString())
    const { access_token: token, expires_in: expiresIn } = (answer ?? {}) as { access_token?: unknown; expires_in?: unknown }
    if (typeof token !== 'string' || token === '')
      throw new TransientError(`the OAuth2 answer of ${tokenUrl} has no access_token`, { stage: 'extract' })
    const seconds = Number(expiresIn)
    const lifeMs = Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : Number.POSITIVE_INFINITY
    // Given up a little early, so that it does not expire on the way.
    const expiresAtMs = askedAtMs + lifeMs - Math.min(30_000, lifeMs / 10)
    const credential = { headers: { authorization: `Bearer ${confide(token)}` }, query: {} }
    current = { credential, expiresAtMs }
    return credential
  }

  return {
    described: `OAuth2 client "${clientId}", secret ${referenceOf(clientSecret)}`,
    credential: async (ctx) => {
      if (current && elapsedMs(ctx.clock) < current.expiresAtMs) return current.credential
      fetching ??= fetchToken(ctx).finally(() => {
        fetching = undefined
      })
      return fetching
    },
    refused: (credential) => {
      if (current?.credential === credential) current = undefined
      return true
    },
  }
}

function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
}

/** The value at the moment of use; from now on no outlet shows it, nor what is left of it in a header, which loses the white space around it. */
export function confide(setting: MaybeSecret): string {
  const value = setting instanceof Secret ? reveal(setting) : new Secret('configuration', () => setting).reveal()
  if (value.trim() !== value) new Secret('configuration', () => value.trim()).reveal()
  return value
}

function referenceOf(setting: MaybeSecret): string {
  return setting instanceof Secret ? setting.reference : 'written in the configuration'
}
