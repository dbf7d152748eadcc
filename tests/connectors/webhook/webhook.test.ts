import { createHmac } from 'node:crypto'
import { expect, it, test } from 'vitest'
import { NoticeRefused } from '../../../lib/connectors/notifier.ts'
import { type WebhookOptions, webhook } from '../../../lib/connectors/webhook/index.ts'
import type { RunEvent } from '../../../lib/core/context.ts'
import { PermanentError, TransientError } from '../../../lib/core/errors.ts'
import { Secret } from '../../../lib/core/secret.ts'
import { extensionsIn } from '../../../lib/engines/extensions.ts'
import { testContext } from '../../kit/context.ts'
import { type Reply, startReceiver } from '../../kit/receiver.ts'

const KEY = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
const notice = {
  id: 'a1b2',
  at: '2026-01-05T08:15:00.000Z',
  body: '{"type":"delivery.switched"}',
  attributes: { pipeline: 'p', switch: '3' },
}

/** Sends one notice to a receiver that answers so; gives what it got, and the events. */
async function sent(replies: readonly Reply[], options: Partial<WebhookOptions> = {}, signal = new AbortController().signal) {
  const receiver = await startReceiver()
  receiver.reply(...replies)
  const events: RunEvent[] = []
  const notifier = webhook({ url: `${receiver.url}/hook`, secret: KEY, ...options }).openNotifier('downstream')
  const error = await notifier.send(notice, { signal, emit: (event) => events.push(event) }).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  return { receiver, error, events, received: receiver.received }
}

/** Standard Webhooks, as its specification says it. */
function signatureOf(headers: Record<string, unknown>, body: string, key: string): string {
  const text = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`
  return `v1,${createHmac('sha256', Buffer.from(key.replace('whsec_', ''), 'base64'))
    .update(text)
    .digest('base64')}`
}

it('a notice is one POST of its JSON, signed as Standard Webhooks has it, its id the idempotency key', async () => {
  const { received, error } = await sent([], { headers: { Authorization: new Secret('env:X', () => 'Bearer abc') } })
  expect(error).toBeUndefined()
  expect(received).toHaveLength(1)
  const { method, url, headers = {}, body = '' } = received[0] ?? {}
  expect([method, url, body]).toEqual(['POST', '/hook', notice.body])
  expect(headers).toMatchObject({
    ...{ 'webhook-id': 'a1b2', 'idempotency-key': 'a1b2', 'content-type': 'application/json', authorization: 'Bearer abc' },
    'webhook-signature': signatureOf(headers, body, KEY),
  })
  expect(Math.abs(Number(headers['webhook-timestamp']) - Date.now() / 1000)).toBeLessThan(60)
})

it('several keys sign, for a receiver that has one of them', async () => {
  const other = `whsec_${Buffer.alloc(24, 9).toString('base64')}`
  const { received } = await sent([], { secret: [other, KEY] })
  const { headers = {}, body = '' } = received[0] ?? {}
  expect(headers['webhook-signature']).toBe(`${signatureOf(headers, body, other)} ${signatureOf(headers, body, KEY)}`)
})

it('format pubsub is the envelope of a pushed message', async () => {
  const { received } = await sent([], { format: 'pubsub' })
  const { headers = {}, body = '' } = received[0] ?? {}
  const { message, subscription } = JSON.parse(body) as { message: Record<string, unknown>; subscription: string }
  expect(Buffer.from(String(message.data), 'base64').toString()).toBe(notice.body)
  expect(message).toMatchObject({
    attributes: notice.attributes,
    ...{ messageId: 'a1b2', message_id: 'a1b2', publishTime: notice.at, publish_time: notice.at },
  })
  expect(subscription).toBe('projects/millrace/subscriptions/downstream')
  expect(headers['webhook-signature']).toBe(signatureOf(headers, body, KEY))
})

test.each<[string, Reply[]]>([
  ['500', [500]],
  ['503 with Retry-After', [{ status: 503, headers: { 'retry-after': '0' } }]],
  ['429 with Retry-After', [{ status: 429, headers: { 'retry-after': '0' } }]],
  ['408', [408]],
  ['a lost answer', ['lost']],
  ['no answer in time', ['silent']],
])('after %s the same notice is sent again, signed anew, under the same id', async (_what, replies) => {
  const { received, error, events } = await sent(replies, { timeoutMs: 200 })
  expect(error).toBeUndefined()
  expect(received).toHaveLength(2)
  expect(new Set(received.map(({ body, headers }) => `${headers['webhook-id']} ${body}`)).size).toBe(1)
  for (const { headers, body } of received) expect(headers['webhook-signature']).toBe(signatureOf(headers, body, KEY))
  expect(events.map(({ type }) => type)).toEqual(['retry'])
})

it.each([200, 201, 204, 409])('%d: the receiver has it', async (status) => {
  const { received, error } = await sent([status, 500])
  expect([received.length, error]).toEqual([1, undefined])
})

const MOVED = { status: 302, headers: { location: '/elsewhere' } }

test.each<[Reply, typeof PermanentError, string, string]>([
  [{ status: 400, body: 'no such\n delivery' }, NoticeRefused, 'answered 400: "no such delivery"', 'ask the receiver why'],
  [422, NoticeRefused, 'answered 422', 'ask the receiver why'],
  [401, PermanentError, 'answered 401', 'check `secret` and `headers`'],
  [404, PermanentError, 'answered 404', 'check `url`'],
  [410, PermanentError, 'answered 410', 'take it out of `notify`'],
  [MOVED, PermanentError, 'answered 302', 'redirects are not followed'],
])('%j is not tried again, and the error says what to do', async (reply, kind, message, hint) => {
  const { received, error } = await sent([reply])
  expect(received).toHaveLength(1)
  expect(error).toBeInstanceOf(kind)
  expect(error instanceof NoticeRefused).toBe(kind === NoticeRefused)
  expect(error).toMatchObject({ message: expect.stringContaining(message), hint: expect.stringContaining(hint) })
})

it('patience ends with the last error', async () => {
  const { received, error } = await sent(Array<Reply>(9).fill({ status: 503, body: 'closed' }), { patienceMs: 300 })
  expect(received.length).toBeGreaterThan(0)
  expect(error).toBeInstanceOf(TransientError)
  expect(error).toMatchObject({
    message: expect.stringMatching(/^webhook "downstream" at http:\/\/127\.0\.0\.1:\d+ answered 503: "closed"/),
  })
})

it('a Retry-After beyond the patience is not waited for', async () => {
  const { received, error } = await sent([{ status: 429, headers: { 'retry-after': '3600' } }])
  expect(received).toHaveLength(1)
  expect(error).toMatchObject({ retryAfterMs: 3_600_000 })
})

it('a receiver that is not there is a TransientError', async () => {
  const notifier = webhook({ url: 'http://127.0.0.1:1/', secret: KEY, patienceMs: 1 }).openNotifier('downstream')
  await expect(notifier.send(notice, { signal: new AbortController().signal, emit: () => {} })).rejects.toMatchObject({
    name: 'TransientError',
    message: 'webhook "downstream" at http://127.0.0.1:1 did not answer: the connection was refused',
  })
})

it('what is asked to stop stops, with the reason', async () => {
  const stop = new AbortController()
  const reason = new Error('stopped')
  const receiver = await startReceiver()
  receiver.reply('silent')
  const sending = webhook({ url: receiver.url, secret: KEY })
    .openNotifier('x')
    .send(notice, { signal: stop.signal, emit: () => {} })
  while (receiver.received.length === 0) await new Promise((done) => setTimeout(done, 5))
  stop.abort(reason)
  await expect(sending).rejects.toBe(reason)
})

it('nothing of the address but its origin, and no header or key, is ever in an error, whatever the receiver sends back', async () => {
  const receiver = await startReceiver()
  const path = '/services/T0PL4NTED0/B0PL4NTED0'
  const options = {
    url: new Secret('env:HOOK', () => `${receiver.url}${path}?code=pl4nted-query&v=1`),
    headers: { authorization: new Secret('env:TOKEN', () => 'Bearer pl4nted-token') },
  }
  receiver.reply({ status: 400, body: `${path} pl4nted-query Bearer pl4nted-token ${KEY} ${KEY.slice(6)}` })
  const connection = webhook({ secret: KEY, ...options })
  const error = await connection
    .openNotifier('x')
    .send(notice, { signal: new AbortController().signal, emit: () => {} })
    .catch(String)
  expect(receiver.received[0]?.url).toBe(`${path}?code=pl4nted-query&v=1`)
  for (const secret of ['PL4NTED', 'pl4nted', KEY.slice(6)]) expect(error).not.toContain(secret)
  expect(JSON.stringify(webhook({ url: 'https://a.example/hook?code=pl4nted', secret: KEY }).settings)).toBe(
    '{"url":"https://a.example/hook?…","secret":"[secret]"}',
  )
})

const url = 'https://a.example/hook'

test.each<[string, WebhookOptions, string]>([
  ['no URL', { url: 'a.example', secret: KEY }, 'url of webhook is not an http or https URL'],
  ['credentials in it', { url: 'https://u:pl4nted@a.example/', secret: KEY }, 'url of webhook holds credentials'],
  ['no secret', { url, secret: [] }, 'webhook needs a secret'],
  ['an unknown format', { url, secret: KEY, format: 'xml' as 'plain' }, 'format "xml" of webhook is unknown'],
  ['a header of ours', { url, secret: KEY, headers: { 'Webhook-Id': '1' } }, "is millrace's own"],
  ['a header of no name', { url, secret: KEY, headers: { 'a b': '1' } }, "is not a header's name"],
  ['no time', { url, secret: KEY, timeoutMs: 0 }, 'timeoutMs 0 of webhook must be above 0'],
  ['tls without https', { url: 'http://a.example', secret: KEY, tls: { ca: 'x.pem' } }, 'webhook takes tls where url is https'],
])('webhook refuses %s', (_what, options, message) => {
  expect(() => webhook(options)).toThrow(message)
})

test.each(['whsec_c2hvcnQ=', 'plain text, no base64 at all', `whsec_${Buffer.alloc(65).toString('base64')}`])(
  'a secret that signs nothing is refused when it is looked up: %s',
  (text) => {
    expect(() => webhook({ url, secret: new Secret('env:X', () => text) }).openNotifier('downstream')).toThrow(
      'the signing secret of webhook "downstream" is no base64 of 24 to 64 bytes',
    )
  },
)

it('check asks for the address by a HEAD, without signature and headers: no notice', async () => {
  const receiver = await startReceiver()
  receiver.reply(405)
  const ctx = { ...testContext(), role: 'notifier', extensions: extensionsIn('/nowhere'), requests: [], tables: [] } as const
  const options = { secret: KEY, headers: { authorization: 'pl4nted' } }
  const origin = new URL(receiver.url).origin
  expect(await webhook({ url: receiver.url, ...options }).check?.(ctx)).toEqual([
    { what: 'answers', state: 'ok', found: `${origin} answers 405 to HEAD, which says only that it is there; no notice was sent` },
  ])
  expect(receiver.received.map(({ method, headers }) => [method, headers.authorization, headers['webhook-signature']])).toEqual([
    ['HEAD', undefined, undefined],
  ])
  expect(await webhook({ url: 'http://127.0.0.1:1', ...options }).check?.(ctx)).toMatchObject([
    { what: 'answers', state: 'fault', kind: 'unreachable', advice: 'check the network and the receiver' },
  ])
})
