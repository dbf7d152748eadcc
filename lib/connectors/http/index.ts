import { ConfigError } from '../../core/errors.ts'
import { requireKnown } from '../../core/known-options.ts'
import { type MaybeSecret, Secret } from '../../core/secret.ts'
import { late, lateSource } from '../late.ts'
import type { Served, SourceConnection } from '../source.ts'
import { checkHeaderNames, checkRequest } from './check-request.ts'
import { CONCURRENCY, HTTP_OPTIONS, type HttpAuth, type HttpOptions } from './options.ts'
import { startService } from './start.ts'

export type { HttpAuth, HttpOptions } from './options.ts'

/**
 * A connection to a service that answers GET and POST requests with JSON, NDJSON or CSV bodies, page by page. Credentials and headers go to the origin of the base URL only. Opens no connection before the first
 * read.
 * @throws ConfigError for settings that cannot be.
 */
export function http(options: HttpOptions): SourceConnection {
  requireKnown('http', options, HTTP_OPTIONS)
  checkBase(options)
  if (options.auth && 'oauth2' in options.auth) checkUrl(options.auth.oauth2.tokenUrl, 'tokenUrl')
  checkHeaderNames(options.headers)
  checkAbove('rate.perSecond', options.rate?.perSecond, 0)
  checkWhole('rate.concurrency', options.rate?.concurrency, 1)
  checkWhole('retries', options.retries, 0)
  checkAbove('timeoutMs', options.timeoutMs, 0)
  checkWhole('maxBodyBytes', options.maxBodyBytes, 1)
  const { start, auth, ...plain } = options
  return {
    kind: 'http',
    methods: ['GET', 'POST'],
    checkRequest: (request) => {
      if (request.method === 'GET' || request.method === 'POST') checkRequest(request)
    },
    settings: { ...plain, ...(start && { baseUrl: 'started at the first request' }), ...(auth && { auth: hidden(auth) }) },
    ...(options.zone !== undefined && { zone: options.zone }),
    ...(start && { serve: async () => servedBy(await startService(start)) }),
    openSource: (tools) =>
      lateSource(
        { kind: 'http', concurrency: options.rate?.concurrency ?? CONCURRENCY },
        late(async () => (await import('./source.ts')).openHttp(options, tools)),
      ),
    check: async (ctx) => (await import('./check.ts')).checkService(options, ctx),
  }
}

const servedBy = ({ url, close }: { readonly url: string; close(): Promise<void> }): Served => ({ address: url, close })

/** The settings of `auth` for printing: a credential that is written as plain text stays unseen, too. */
function hidden(auth: HttpAuth): HttpAuth {
  const hide = (setting: MaybeSecret) => (setting instanceof Secret ? setting : new Secret('configuration', () => setting))
  if ('bearer' in auth) return { bearer: hide(auth.bearer) }
  if ('basic' in auth) return { basic: { ...auth.basic, password: hide(auth.basic.password) } }
  if ('query' in auth) return { query: { ...auth.query, value: hide(auth.query.value) } }
  return { oauth2: { ...auth.oauth2, clientSecret: hide(auth.oauth2.clientSecret) } }
}

function checkBase({ baseUrl, start }: HttpOptions): void {
  if (start !== undefined && baseUrl !== undefined) throw new ConfigError('http takes baseUrl or start, not both')
  if (start !== undefined) return
  if (baseUrl === undefined) throw new ConfigError('http needs a baseUrl, or start')
  checkUrl(baseUrl, 'baseUrl')
}

function checkUrl(text: string, setting: string): void {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:'))
    throw new ConfigError(`${setting} ${JSON.stringify(text.replace(/\/\/[^/@]*@/, '//…@'))} of http is not an http or https URL`)
  if (url.username !== '' || url.password !== '')
    throw new ConfigError(`${setting} of http holds credentials`, { hint: "use auth: { basic: { user, password: secret('env:…') } }" })
}

function checkAbove(setting: string, value: number | undefined, least: number): void {
  if (value !== undefined && !(Number.isFinite(value) && value > least))
    throw new ConfigError(`${setting} ${value} of http must be above ${least}`)
}

function checkWhole(setting: string, value: number | undefined, least: number): void {
  if (value !== undefined && !(Number.isSafeInteger(value) && value >= least))
    throw new ConfigError(`${setting} ${value} of http must be a whole number of at least ${least}`)
}
