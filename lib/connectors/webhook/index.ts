import { ConfigError } from '../../core/errors.ts'
import { requireKnown } from '../../core/known-options.ts'
import { type MaybeSecret, reveal, Secret } from '../../core/secret.ts'
import type { NotifierConnection } from '../notifier.ts'
import { checkTls, verifiedBy } from '../store-tls.ts'
import { SETTINGS, WEBHOOK_OPTIONS, type WebhookOptions } from './options.ts'
import type { Receiver } from './send.ts'
import { signingKey } from './sign.ts'

export type { WebhookOptions } from './options.ts'

/** What of an address may be a token, and is no word. */
const TOKEN = /^(?=.*\d).{8,}$|^.{20,}$/s

/** Headers that are millrace's own. */
const OWN = /^(webhook-.*|idempotency-key|content-(type|length)|host|transfer-encoding|connection)$/i

/**
 * A receiver of notices, for `notify` of a profile: told by an HTTP POST of JSON after each switch, at least once, in order, signed as Standard Webhooks has it. Looks nothing up and opens no connection before the first notice.
 * @throws ConfigError for settings that cannot be
 */
export function webhook(options: WebhookOptions): NotifierConnection {
  requireKnown('webhook', options, WEBHOOK_OPTIONS)
  const { url, secret, headers = {}, format = 'plain', timeoutMs, patienceMs, tls } = options
  const secrets = [secret ?? []].flat()
  if (secrets.length === 0) throw new ConfigError('webhook needs a secret to sign its notices with', { hint: "secret: secret('env:NAME')" })
  if (format !== 'plain' && format !== 'pubsub')
    throw new ConfigError(`format ${JSON.stringify(format)} of webhook is unknown; expected plain or pubsub`)
  if (!(url instanceof Secret)) checkTls(tls, addressOf(url).href, SETTINGS)
  checkAbove('timeoutMs', timeoutMs)
  checkAbove('patienceMs', patienceMs)
  for (const name of Object.keys(headers)) checkName(name)
  return {
    kind: 'webhook',
    settings: {
      ...options,
      url: url instanceof Secret ? url : withoutQuery(addressOf(url)),
      secret: Array.isArray(secret) ? secrets.map(hidden) : hidden(secrets[0] ?? ''),
    },
    openNotifier: (name) => {
      const to = receiverOf(options, name)
      return { send: async (notice, ctx) => (await import('./send.ts')).sendNotice(to, notice, ctx) }
    },
    check: async (ctx) => (await import('./check.ts')).checkReceiver(receiverOf(options), ctx),
  }
}

function receiverOf(
  { url, secret, headers = {}, format = 'plain', timeoutMs = 15_000, patienceMs = 60_000, tls }: WebhookOptions,
  name?: string,
): Receiver {
  const address = addressOf(reveal(url))
  conceal(address, url instanceof Secret)
  checkTls(tls, address.href, SETTINGS)
  const own = Object.fromEntries(Object.entries(headers).map(([header, value]) => [header.toLowerCase(), headerValue(header, value)]))
  const keys = [secret].flat().map((each) => signingKey(hidden(each).reveal(), name === undefined ? 'webhook' : `webhook "${name}"`))
  return { name: name ?? '', url: address, keys, headers: own, format, timeoutMs, patienceMs, tls: verifiedBy(tls ?? {}, SETTINGS) }
}

/** What a receiver may send back of its address: its query, and its path where that was given as a secret. */
function conceal({ pathname, search, searchParams }: URL, secretPath: boolean): void {
  const parts = [search.slice(1), ...searchParams.values(), ...(secretPath ? [pathname, ...pathname.split('/')] : [])]
  for (const part of parts) if (TOKEN.test(part)) new Secret('configuration', () => part).reveal()
}

/** The text of a URL never stands in an error: it may hold a token. */
function addressOf(text: string): URL {
  const url = URL.canParse(text.trim()) ? new URL(text.trim()) : undefined
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:')) throw new ConfigError('url of webhook is not an http or https URL')
  if (url.username !== '' || url.password !== '')
    throw new ConfigError('url of webhook holds credentials', { hint: "use headers: { authorization: secret('env:…') }" })
  url.hash = ''
  return url
}

function withoutQuery(url: URL): string {
  return `${url.origin}${url.pathname}${url.search === '' ? '' : '?…'}`
}

/** A secret that is written as plain text stays unseen, too. */
function hidden(setting: MaybeSecret): Secret {
  return setting instanceof Secret ? setting : new Secret('configuration', () => setting)
}

function headerValue(name: string, setting: MaybeSecret): string {
  const value = reveal(setting).trim()
  if (setting instanceof Secret && value !== '') new Secret('configuration', () => value).reveal()
  if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value))
    throw new ConfigError(`the value of header "${name}" of webhook has characters that a header cannot carry`)
  return value
}

function checkName(name: string): void {
  if (!/^[!#$%&'*+.^_`|~\w-]+$/.test(name)) throw new ConfigError(`${JSON.stringify(name)} of webhook is not a header's name`)
  if (OWN.test(name)) throw new ConfigError(`header "${name}" of webhook is millrace's own`)
}

function checkAbove(setting: string, value: number | undefined): void {
  if (value !== undefined && !(Number.isFinite(value) && value > 0 && value < 2 ** 31))
    throw new ConfigError(`${setting} ${value} of webhook must be above 0`)
}
