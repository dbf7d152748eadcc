import { type Breaker, breaker, breakerOver } from '../../core/breaker.ts'
import type { RunContext } from '../../core/context.ts'
import { PermanentError, placed, TransientError } from '../../core/errors.ts'
import { retrying } from '../../core/retry.ts'
import { Secret } from '../../core/secret.ts'
import type { HttpRequest } from '../requests.ts'
import type { SharedLimits } from '../shared-limits.ts'
import { refuseDetour, shownUrl } from './address.ts'
import { errorOfAnswer } from './answer.ts'
import { type Authenticator, authenticator, type Credential } from './auth.ts'
import { type Answer, beginning, exchange } from './exchange.ts'
import { type Limiter, limiter, sharedLimiter } from './limiter.ts'
import { CONCURRENCY, type HttpOptions } from './options.ts'
import { type Asked, headersOf, send } from './outgoing.ts'
import { type Page, receivePage } from './page.ts'

const TIMEOUT_MS = 60_000
const MAX_BODY_BYTES = 256 * 2 ** 20
const MAX_TOKEN_BYTES = 2 ** 20
const EXCERPT_BYTES = 8192

/** One page to fetch. */
export interface PageRequest {
  readonly dataset: string
  readonly request: HttpRequest
  readonly base: URL
  readonly asked: Asked
  readonly page: number
  readonly file: string
}

/** Fetches pages for one connection: everything that its datasets share. */
export interface Client {
  /** Fetches one page into its file, with credentials, retries, rate and circuit breaker. @throws TransientError, PermanentError or CheckError naming the page and its URL. */
  fetchPage(ctx: RunContext, page: PageRequest): Promise<Page>
  /** Asks for the base URL itself, once, as a page would be asked for, and drops the body: any answer is an answer. */
  probe(ctx: RunContext, base: URL): Promise<Pick<Answer, 'status' | 'statusText' | 'headers'>>
  /** A URL of this connection for people. */
  shown(url: URL): string
  /** References of the credentials, for people. */
  readonly credentials: string
}

type Outcome = { readonly page: Page } | { readonly failed: TransientError } | { readonly unauthorized: PermanentError }

/** The client of a connection's settings. `shared`: other processes of the run ask as well. */
export function client(options: HttpOptions, shared?: SharedLimits): Client {
  const { timeoutMs = TIMEOUT_MS, maxBodyBytes = MAX_BODY_BYTES, retries, rate } = options
  const limits = { perSecond: rate?.perSecond, concurrency: rate?.concurrency ?? CONCURRENCY }
  const slots: Limiter = shared ? sharedLimiter(shared, limits) : limiter(limits)
  const breakers = new Map<string, Breaker>()
  const auth = authenticator(options.auth, requestToken)
  const shown = (url: URL) => shownUrl(url, auth.hidden)

  function circuit(url: URL): Breaker {
    const over = (limits: SharedLimits) =>
      breakerOver({ enter: () => limits.enter(url.host), leave: (_, failed) => limits.leave(url.host, failed) })
    const known = breakers.get(url.host) ?? (shared ? over(shared) : breaker(url.host))
    breakers.set(url.host, known)
    return known
  }

  async function requestToken(ctx: RunContext, url: URL, headers: Readonly<Record<string, string>>, form: string): Promise<unknown> {
    const what = `the OAuth2 token request POST ${shown(url)}`
    const outgoing = {
      method: 'POST',
      url,
      headers: { ...headers, accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' },
      body: form,
    } as const
    const redirected = (to: URL) => ({ ...outgoing, url: to })
    const result = await circuit(url).run(ctx.clock, () =>
      exchange(outgoing, { signal: ctx.signal, timeoutMs, what, redirected }, async (answer) => {
        const text = await beginning(answer, MAX_TOKEN_BYTES)
        if (answer.status === 200) return { text }
        const error = errorOfAnswer(refusal(answer, text, what, ctx))
        if (answer.status >= 500) throw error
        return { error }
      }),
    )
    if (result.error) throw result.error
    try {
      return JSON.parse(result.text)
    } catch {
      throw new TransientError(`${what} was answered with what is not JSON`, { stage: 'extract' })
    }
  }

  function refusal(answer: Answer, excerpt: string, what: string, ctx: RunContext) {
    const { status, statusText, headers } = answer
    const now = new Date(headers.get('date') ?? Number.NaN)
    const credentials = credentialsOf(auth, options.headers)
    return { status, statusText, headers, excerpt, what, credentials, now: Number.isNaN(now.getTime()) ? ctx.clock.now() : now }
  }

  async function attempt(ctx: RunContext, page: PageRequest, credential: Credential): Promise<Outcome> {
    const { asked, base, request, file } = page
    const what = `page ${page.page} of ${asked.method} ${shown(asked.url)}`
    if (asked.url.origin !== base.origin) refuseDetour(base, asked.url, what)
    const headers = { ...headersOf(options.headers), ...headersOf(request.headers) }
    const outgoing = send(asked, base, request, headers, credential)
    const redirected = (url: URL) => send({ ...asked, url }, base, request, headers, credential)
    return exchange(outgoing, { signal: ctx.signal, timeoutMs, what, redirected }, async (answer): Promise<Outcome> => {
      if (answer.status >= 200 && answer.status < 300) {
        const received = await receivePage(answer, { request, file, maxBytes: maxBodyBytes, what })
        return received instanceof TransientError ? { failed: received } : { page: received }
      }
      const error = errorOfAnswer(refusal(answer, await beginning(answer, EXCERPT_BYTES), what, ctx))
      if (error instanceof PermanentError && answer.status === 401) return { unauthorized: error }
      if (error instanceof PermanentError || answer.status >= 500) throw error
      return { failed: error }
    })
  }

  async function authorized(ctx: RunContext, page: PageRequest): Promise<Page> {
    for (let renewed = false; ; renewed = true) {
      const credential = await auth.credential(ctx)
      const host = circuit(page.asked.url)
      const outcome = await slots.run(ctx.clock, ctx.signal, () => host.run(ctx.clock, () => attempt(ctx, page, credential)))
      if ('page' in outcome) return outcome.page
      if ('failed' in outcome) {
        if (outcome.failed.retryAfterMs !== undefined) slots.hold(ctx.clock, outcome.failed.retryAfterMs)
        throw outcome.failed
      }
      if (renewed || !auth.refused(credential)) throw outcome.unauthorized
    }
  }

  async function probe(ctx: RunContext, base: URL): Promise<Pick<Answer, 'status' | 'statusText' | 'headers'>> {
    const request = { method: 'GET', path: '' } as const
    const asked = { method: 'GET', url: base } as const
    const [headers, credential] = [headersOf(options.headers), await auth.credential(ctx)]
    const redirected = (url: URL) => send({ ...asked, url }, base, request, headers, credential)
    const what = `GET ${shown(base)}`
    return exchange(
      send(asked, base, request, headers, credential),
      { signal: ctx.signal, timeoutMs, what, redirected },
      async (answer) => answer,
    )
  }

  return {
    shown,
    probe,
    credentials: credentialsOf(auth, options.headers),
    fetchPage: async (ctx, page) => {
      const { dataset } = page
      try {
        return await retrying(ctx, { stage: 'extract', dataset, ...(retries !== undefined && { retries }) }, () => authorized(ctx, page))
      } catch (error) {
        throw placed(error, { stage: 'extract', dataset, file: shown(page.asked.url) })
      }
    },
  }
}

function credentialsOf(auth: Authenticator, headers: HttpOptions['headers']): string {
  const named = Object.entries(headers ?? {}).flatMap(([name, value]) =>
    value instanceof Secret ? [`header ${name} ${value.reference}`] : [],
  )
  return named.length === 0 ? auth.described : [...(auth.described === 'it sends none' ? [] : [auth.described]), ...named].join(', ')
}
